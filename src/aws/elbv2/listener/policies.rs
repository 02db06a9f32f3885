//! The security policies that a listener with TLS can have: they are AWS's own, and no others can be made.

use infra::{
    diagnostic::nearest,
    resource::Problems,
    value::{Path, Value},
};

/// What stands before the name proper of each of them.
const PREFIX: &str = "ELBSecurityPolicy-";
/// Their names proper.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>
const POLICIES: &[&str] = &[
    "2015-05",
    "2016-08",
    "FS-1-1-2019-08",
    "FS-1-2-2019-08",
    "FS-1-2-Res-2019-08",
    "FS-1-2-Res-2020-10",
    "FS-2018-06",
    "TLS-1-0-2015-04",
    "TLS-1-1-2017-01",
    "TLS-1-2-2017-01",
    "TLS-1-2-Ext-2018-06",
    "TLS13-1-0-2021-06",
    "TLS13-1-0-FIPS-2023-04",
    "TLS13-1-0-FIPS-PQ-2025-09",
    "TLS13-1-0-PQ-2025-09",
    "TLS13-1-1-2021-06",
    "TLS13-1-1-FIPS-2023-04",
    "TLS13-1-2-2021-06",
    "TLS13-1-2-Ext0-FIPS-2023-04",
    "TLS13-1-2-Ext0-FIPS-PQ-2025-09",
    "TLS13-1-2-Ext1-2021-06",
    "TLS13-1-2-Ext1-FIPS-2023-04",
    "TLS13-1-2-Ext1-FIPS-PQ-2025-09",
    "TLS13-1-2-Ext1-PQ-2025-09",
    "TLS13-1-2-Ext2-2021-06",
    "TLS13-1-2-Ext2-FIPS-2023-04",
    "TLS13-1-2-Ext2-FIPS-PQ-2025-09",
    "TLS13-1-2-Ext2-PQ-2025-09",
    "TLS13-1-2-FIPS-2023-04",
    "TLS13-1-2-FIPS-PQ-2025-09",
    "TLS13-1-2-PQ-2025-09",
    "TLS13-1-2-Res-2021-06",
    "TLS13-1-2-Res-FIPS-2023-04",
    "TLS13-1-2-Res-FIPS-PQ-2025-09",
    "TLS13-1-2-Res-PQ-2025-09",
    "TLS13-1-3-2021-06",
    "TLS13-1-3-FIPS-2023-04",
    "TLS13-1-3-FIPS-PQ-2025-09",
    "TLS13-1-3-PQ-2025-09",
];
/// From here on there may be some that are not in the list.
const LATER: &str = "2025-10";

/// Reports a policy that there is not. Each name ends with the month it is of, and AWS adds none to a month that is past.
pub(super) fn check(spec: &Value, problems: &mut Problems) {
    let Some(name) = spec.get("ssl_policy").and_then(Value::as_text).and_then(|it| it.strip_prefix(PREFIX)) else { return };
    let is_month = |it: &&str| it.bytes().enumerate().all(|(n, it)| if n == 4 { it == b'-' } else { it.is_ascii_digit() });
    let month = name.len().checked_sub(LATER.len()).and_then(|it| name.get(it..)).filter(is_month);
    // Those after RFC 9151 came beside the others, with months of their own.
    let may_be = month.is_some_and(|it| it >= LATER || name.contains("-RFC9151-"));
    if POLICIES.contains(&name) || may_be {
        return;
    }
    let help = match nearest(name, POLICIES.iter().copied()) {
        Some(near) => format!("did you mean `{PREFIX}{near}`?"),
        None => format!("write `{PREFIX}TLS13-1-2-2021-06`, or another one of {}", POLICIES.join(", ")),
    };
    problems.error(Path::of("ssl_policy"), format!("there is no security policy `{PREFIX}{name}`"), help);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_that_there_is_not_is_told_with_one_that_there_is() {
        for (name, help) in [
            ("ELBSecurityPolicy-TLS13-1-2-2021-06", None),
            ("ELBSecurityPolicy-2016-08", None),
            ("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", None),
            ("ELBSecurityPolicy-TLS13-1-2-RFC9151-FIPS-2023-07", None),
            ("ELBSecurityPolicy-TLS14-1-3-2031-02", None),
            ("ELBSecurityPolicy-TLS13-1-2-2021-07", Some("did you mean `ELBSecurityPolicy-TLS13-1-2-2021-06`?")),
            ("ELBSecurityPolicy-TLS-1-2-Ext-2018-6", Some("did you mean `ELBSecurityPolicy-TLS-1-2-Ext-2018-06`?")),
            ("ELBSecurityPolicy-Nonsense", Some("write `ELBSecurityPolicy-TLS13-1-2-2021-06`, or another one of 2015-05, ")),
            ("ELBSecurityPolicy-", Some("write ")),
            ("ELBSecurityPolicy-größer", Some("write ")),
        ] {
            let mut problems = Problems::default();
            check(&Value::from(json!({ "ssl_policy": name })), &mut problems);
            let told: Vec<_> = problems.0.into_iter().filter_map(|it| it.help).collect();
            assert_eq!(told.len(), usize::from(help.is_some()), "{name}: {told:?}");
            assert!(told.iter().all(|it| it.starts_with(help.unwrap_or_default())), "{name}: {told:?}");
        }
    }
}
