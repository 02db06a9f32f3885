//! Statements to WAF's and back.

use aws_sdk_wafv2::{primitives::Blob, types as sdk};
use infra::resource::Result;

use super::{
    super::{
        matching::{FieldToMatch, ForwardedIp, SetForwardedIp, from_transformations, transformations},
        rule::Action,
    },
    ByteMatch, GeoMatch, IpSetReference, LabelMatch, ManagedRuleGroup, RateBased, RegexMatch, RegexPatternSet, RuleActionOverride,
    RuleGroupReference, SizeConstraint, SqliMatch, Statement, XssMatch, five_minutes, incomplete,
};
use crate::aws::wording::{meaning, word};

impl Statement {
    pub(in crate::aws::wafv2::web_acl) fn to_sdk(&self) -> Result<sdk::Statement> {
        Ok(sdk::Statement::builder()
            .set_managed_rule_group_statement(self.managed_rule_group_statement.as_ref().map(ManagedRuleGroup::to_sdk).transpose()?)
            .set_rule_group_reference_statement(self.rule_group_reference_statement.as_ref().map(RuleGroupReference::to_sdk).transpose()?)
            .set_rate_based_statement(self.rate_based_statement.as_ref().map(RateBased::to_sdk).transpose()?)
            .set_ip_set_reference_statement(self.ip_set_reference_statement.as_ref().map(IpSetReference::to_sdk).transpose()?)
            .set_geo_match_statement(self.geo_match_statement.as_ref().map(GeoMatch::to_sdk).transpose()?)
            .set_byte_match_statement(self.byte_match_statement.as_ref().map(ByteMatch::to_sdk).transpose()?)
            .set_regex_match_statement(self.regex_match_statement.as_ref().map(RegexMatch::to_sdk).transpose()?)
            .set_regex_pattern_set_reference_statement(
                self.regex_pattern_set_reference_statement.as_ref().map(RegexPatternSet::to_sdk).transpose()?,
            )
            .set_size_constraint_statement(self.size_constraint_statement.as_ref().map(SizeConstraint::to_sdk).transpose()?)
            .set_sqli_match_statement(self.sqli_match_statement.as_ref().map(SqliMatch::to_sdk).transpose()?)
            .set_xss_match_statement(self.xss_match_statement.as_ref().map(XssMatch::to_sdk).transpose()?)
            .set_label_match_statement(self.label_match_statement.as_ref().map(LabelMatch::to_sdk).transpose()?)
            .set_and_statement(self.and_statement.as_deref().map(and).transpose()?)
            .set_or_statement(self.or_statement.as_deref().map(or).transpose()?)
            .set_not_statement(self.not_statement.as_deref().map(not).transpose()?)
            .build())
    }

    /// Empty where it is of a kind that cannot be written here, so that it differs from all that can.
    pub(in crate::aws::wafv2::web_acl) fn from_sdk(it: &sdk::Statement) -> Self {
        Self {
            managed_rule_group_statement: it.managed_rule_group_statement().map(ManagedRuleGroup::from_sdk),
            rule_group_reference_statement: it.rule_group_reference_statement().map(RuleGroupReference::from_sdk),
            rate_based_statement: it.rate_based_statement().and_then(RateBased::from_sdk),
            ip_set_reference_statement: it.ip_set_reference_statement().map(IpSetReference::from_sdk),
            geo_match_statement: it.geo_match_statement().map(GeoMatch::from_sdk),
            byte_match_statement: it.byte_match_statement().and_then(ByteMatch::from_sdk),
            regex_match_statement: it.regex_match_statement().map(RegexMatch::from_sdk),
            regex_pattern_set_reference_statement: it.regex_pattern_set_reference_statement().map(RegexPatternSet::from_sdk),
            size_constraint_statement: it.size_constraint_statement().and_then(SizeConstraint::from_sdk),
            sqli_match_statement: it.sqli_match_statement().map(SqliMatch::from_sdk),
            xss_match_statement: it.xss_match_statement().map(XssMatch::from_sdk),
            label_match_statement: it.label_match_statement().and_then(LabelMatch::from_sdk),
            and_statement: it.and_statement().map(|it| it.statements().iter().map(Self::from_sdk).collect()),
            or_statement: it.or_statement().map(|it| it.statements().iter().map(Self::from_sdk).collect()),
            not_statement: it.not_statement().and_then(|it| it.statement()).map(|it| Box::new(Self::from_sdk(it))),
        }
    }
}

fn and(list: &[Statement]) -> Result<sdk::AndStatement> {
    let list = list.iter().map(Statement::to_sdk).collect::<Result<_>>()?;
    sdk::AndStatement::builder().set_statements(Some(list)).build().map_err(incomplete)
}

fn or(list: &[Statement]) -> Result<sdk::OrStatement> {
    let list = list.iter().map(Statement::to_sdk).collect::<Result<_>>()?;
    sdk::OrStatement::builder().set_statements(Some(list)).build().map_err(incomplete)
}

fn not(it: &Statement) -> Result<sdk::NotStatement> {
    Ok(sdk::NotStatement::builder().statement(it.to_sdk()?).build())
}

fn excluded(names: Option<&Vec<String>>) -> Result<Option<Vec<sdk::ExcludedRule>>> {
    let rule = |it: &String| sdk::ExcludedRule::builder().name(it).build().map_err(incomplete);
    names.map(|it| it.iter().map(rule).collect()).transpose()
}

fn overrides(list: Option<&Vec<RuleActionOverride>>) -> Result<Option<Vec<sdk::RuleActionOverride>>> {
    let rule = |it: &RuleActionOverride| {
        sdk::RuleActionOverride::builder().name(&it.name).action_to_use(it.action_to_use.to_sdk()).build().map_err(incomplete)
    };
    list.map(|it| it.iter().map(rule).collect()).transpose()
}

fn from_excluded(list: &[sdk::ExcludedRule]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.iter().map(|it| it.name.clone()).collect())
}

fn from_overrides(list: &[sdk::RuleActionOverride]) -> Option<Vec<RuleActionOverride>> {
    let rule = |it: &sdk::RuleActionOverride| {
        let action_to_use = it.action_to_use().and_then(Action::from_sdk)?;
        Some(RuleActionOverride { name: it.name.clone(), action_to_use })
    };
    (!list.is_empty()).then(|| list.iter().filter_map(rule).collect())
}

impl ManagedRuleGroup {
    fn to_sdk(&self) -> Result<sdk::ManagedRuleGroupStatement> {
        sdk::ManagedRuleGroupStatement::builder()
            .vendor_name(&self.vendor_name)
            .name(&self.name)
            .set_version(self.version.clone())
            .set_excluded_rules(excluded(self.excluded_rules.as_ref())?)
            .set_rule_action_overrides(overrides(self.rule_action_overrides.as_ref())?)
            .set_scope_down_statement(self.scope_down_statement.as_ref().map(|it| it.to_sdk().map(Box::new)).transpose()?)
            .build()
            .map_err(incomplete)
    }

    fn from_sdk(it: &sdk::ManagedRuleGroupStatement) -> Self {
        Self {
            vendor_name: it.vendor_name.clone(),
            name: it.name.clone(),
            version: it.version.clone(),
            excluded_rules: from_excluded(it.excluded_rules()),
            rule_action_overrides: from_overrides(it.rule_action_overrides()),
            scope_down_statement: it.scope_down_statement().map(|it| Box::new(Statement::from_sdk(it))),
        }
    }
}

impl RuleGroupReference {
    fn to_sdk(&self) -> Result<sdk::RuleGroupReferenceStatement> {
        sdk::RuleGroupReferenceStatement::builder()
            .arn(&self.arn)
            .set_excluded_rules(excluded(self.excluded_rules.as_ref())?)
            .set_rule_action_overrides(overrides(self.rule_action_overrides.as_ref())?)
            .build()
            .map_err(incomplete)
    }

    fn from_sdk(it: &sdk::RuleGroupReferenceStatement) -> Self {
        Self {
            arn: it.arn.clone(),
            excluded_rules: from_excluded(it.excluded_rules()),
            rule_action_overrides: from_overrides(it.rule_action_overrides()),
        }
    }
}

impl RateBased {
    fn to_sdk(&self) -> Result<sdk::RateBasedStatement> {
        sdk::RateBasedStatement::builder()
            .limit(self.limit)
            .evaluation_window_sec(self.evaluation_window_sec)
            .aggregate_key_type(sdk::RateBasedStatementAggregateKeyType::from(word(&self.aggregate_key_type).as_str()))
            .set_forwarded_ip_config(self.forwarded_ip_config.as_ref().map(ForwardedIp::to_sdk).transpose()?)
            .set_scope_down_statement(self.scope_down_statement.as_ref().map(|it| it.to_sdk().map(Box::new)).transpose()?)
            .build()
            .map_err(incomplete)
    }

    fn from_sdk(it: &sdk::RateBasedStatement) -> Option<Self> {
        Some(Self {
            limit: it.limit,
            evaluation_window_sec: if it.evaluation_window_sec > 0 { it.evaluation_window_sec } else { five_minutes() },
            aggregate_key_type: meaning(it.aggregate_key_type.as_str())?,
            forwarded_ip_config: it.forwarded_ip_config().map(ForwardedIp::from_sdk),
            scope_down_statement: it.scope_down_statement().map(|it| Box::new(Statement::from_sdk(it))),
        })
    }
}

impl IpSetReference {
    fn to_sdk(&self) -> Result<sdk::IpSetReferenceStatement> {
        let forwarded = self.ip_set_forwarded_ip_config.as_ref().map(SetForwardedIp::to_sdk).transpose()?;
        sdk::IpSetReferenceStatement::builder().arn(&self.arn).set_ip_set_forwarded_ip_config(forwarded).build().map_err(incomplete)
    }

    fn from_sdk(it: &sdk::IpSetReferenceStatement) -> Self {
        let forwarded = it.ip_set_forwarded_ip_config().map(SetForwardedIp::from_sdk);
        Self { arn: it.arn.clone(), ip_set_forwarded_ip_config: forwarded }
    }
}

impl GeoMatch {
    fn to_sdk(&self) -> Result<sdk::GeoMatchStatement> {
        let codes = self.country_codes.iter().map(|it| sdk::CountryCode::from(it.as_str())).collect();
        let forwarded = self.forwarded_ip_config.as_ref().map(ForwardedIp::to_sdk).transpose()?;
        Ok(sdk::GeoMatchStatement::builder().set_country_codes(Some(codes)).set_forwarded_ip_config(forwarded).build())
    }

    fn from_sdk(it: &sdk::GeoMatchStatement) -> Self {
        let country_codes = it.country_codes().iter().map(|it| it.as_str().to_owned()).collect();
        Self { country_codes, forwarded_ip_config: it.forwarded_ip_config().map(ForwardedIp::from_sdk) }
    }
}

impl ByteMatch {
    fn to_sdk(&self) -> Result<sdk::ByteMatchStatement> {
        sdk::ByteMatchStatement::builder()
            .search_string(Blob::new(self.search_string.as_bytes()))
            .positional_constraint(sdk::PositionalConstraint::from(word(&self.positional_constraint).as_str()))
            .field_to_match(self.field_to_match.to_sdk()?)
            .set_text_transformations(Some(transformations(&self.text_transformations)?))
            .build()
            .map_err(incomplete)
    }

    fn from_sdk(it: &sdk::ByteMatchStatement) -> Option<Self> {
        Some(Self {
            search_string: String::from_utf8_lossy(it.search_string.as_ref()).into_owned(),
            positional_constraint: meaning(it.positional_constraint.as_str())?,
            field_to_match: FieldToMatch::from_sdk(it.field_to_match()),
            text_transformations: from_transformations(it.text_transformations()),
        })
    }
}

impl RegexMatch {
    fn to_sdk(&self) -> Result<sdk::RegexMatchStatement> {
        sdk::RegexMatchStatement::builder()
            .regex_string(&self.regex_string)
            .field_to_match(self.field_to_match.to_sdk()?)
            .set_text_transformations(Some(transformations(&self.text_transformations)?))
            .build()
            .map_err(incomplete)
    }

    fn from_sdk(it: &sdk::RegexMatchStatement) -> Self {
        Self {
            regex_string: it.regex_string.clone(),
            field_to_match: FieldToMatch::from_sdk(it.field_to_match()),
            text_transformations: from_transformations(it.text_transformations()),
        }
    }
}

impl RegexPatternSet {
    fn to_sdk(&self) -> Result<sdk::RegexPatternSetReferenceStatement> {
        sdk::RegexPatternSetReferenceStatement::builder()
            .arn(&self.arn)
            .field_to_match(self.field_to_match.to_sdk()?)
            .set_text_transformations(Some(transformations(&self.text_transformations)?))
            .build()
            .map_err(incomplete)
    }

    fn from_sdk(it: &sdk::RegexPatternSetReferenceStatement) -> Self {
        Self {
            arn: it.arn.clone(),
            field_to_match: FieldToMatch::from_sdk(it.field_to_match()),
            text_transformations: from_transformations(it.text_transformations()),
        }
    }
}

impl SizeConstraint {
    fn to_sdk(&self) -> Result<sdk::SizeConstraintStatement> {
        sdk::SizeConstraintStatement::builder()
            .comparison_operator(sdk::ComparisonOperator::from(word(&self.comparison_operator).as_str()))
            .size(self.size)
            .field_to_match(self.field_to_match.to_sdk()?)
            .set_text_transformations(Some(transformations(&self.text_transformations)?))
            .build()
            .map_err(incomplete)
    }

    fn from_sdk(it: &sdk::SizeConstraintStatement) -> Option<Self> {
        Some(Self {
            comparison_operator: meaning(it.comparison_operator.as_str())?,
            size: it.size,
            field_to_match: FieldToMatch::from_sdk(it.field_to_match()),
            text_transformations: from_transformations(it.text_transformations()),
        })
    }
}

impl SqliMatch {
    fn to_sdk(&self) -> Result<sdk::SqliMatchStatement> {
        sdk::SqliMatchStatement::builder()
            .field_to_match(self.field_to_match.to_sdk()?)
            .set_text_transformations(Some(transformations(&self.text_transformations)?))
            .sensitivity_level(sdk::SensitivityLevel::from(word(&self.sensitivity_level).as_str()))
            .build()
            .map_err(incomplete)
    }

    fn from_sdk(it: &sdk::SqliMatchStatement) -> Self {
        Self {
            field_to_match: FieldToMatch::from_sdk(it.field_to_match()),
            text_transformations: from_transformations(it.text_transformations()),
            sensitivity_level: it.sensitivity_level().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        }
    }
}

impl XssMatch {
    fn to_sdk(&self) -> Result<sdk::XssMatchStatement> {
        sdk::XssMatchStatement::builder()
            .field_to_match(self.field_to_match.to_sdk()?)
            .set_text_transformations(Some(transformations(&self.text_transformations)?))
            .build()
            .map_err(incomplete)
    }

    fn from_sdk(it: &sdk::XssMatchStatement) -> Self {
        Self {
            field_to_match: FieldToMatch::from_sdk(it.field_to_match()),
            text_transformations: from_transformations(it.text_transformations()),
        }
    }
}

impl LabelMatch {
    fn to_sdk(&self) -> Result<sdk::LabelMatchStatement> {
        let scope = sdk::LabelMatchScope::from(word(&self.scope).as_str());
        sdk::LabelMatchStatement::builder().scope(scope).key(&self.key).build().map_err(incomplete)
    }

    fn from_sdk(it: &sdk::LabelMatchStatement) -> Option<Self> {
        Some(Self { scope: meaning(it.scope.as_str())?, key: it.key.clone() })
    }
}
