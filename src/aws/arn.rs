//! Whether a text is an ARN of the kind that a property takes.

use infra::{
    resource::Problems,
    value::{Path, Value},
};

/// What an ARN names.
pub(crate) struct Arn {
    what: &'static str,
    /// How it is written; what differs from one to the next is in capitals.
    form: &'static str,
    /// Where such an ARN can be had from.
    from: &'static str,
}

pub(crate) const BUCKET: Arn = Arn { what: "a bucket", form: "arn:aws:s3:::NAME", from: "the `arn` of an `s3.bucket`" };
pub(crate) const FUNCTION: Arn =
    Arn { what: "a function", form: "arn:aws:lambda:REGION:ACCOUNT:function:NAME", from: "the `arn` of a `lambda.function`" };
pub(crate) const LAYER: Arn = Arn {
    what: "a version of a layer",
    form: "arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION",
    from: "what `aws lambda list-layer-versions` tells",
};
pub(crate) const LOG_GROUP: Arn =
    Arn { what: "a log group", form: "arn:aws:logs:REGION:ACCOUNT:log-group:NAME", from: "the `arn` of a `logs.log_group`" };
pub(crate) const POLICY: Arn = Arn {
    what: "a policy",
    form: "arn:aws:iam::ACCOUNT:policy/NAME",
    from: "the `arn` of an `iam.policy`; those of AWS have `aws` as the account",
};
pub(crate) const QUEUE: Arn = Arn { what: "a queue", form: "arn:aws:sqs:REGION:ACCOUNT:NAME", from: "the `arn` of an `sqs.queue`" };
pub(crate) const ROLE: Arn = Arn { what: "a role", form: "arn:aws:iam::ACCOUNT:role/NAME", from: "the `arn` of an `iam.role`" };
pub(crate) const STREAM: Arn = Arn {
    what: "a delivery stream",
    form: "arn:aws:firehose:REGION:ACCOUNT:deliverystream/NAME",
    from: "what `aws firehose describe-delivery-stream` tells",
};
pub(crate) const TOPIC: Arn = Arn { what: "a topic", form: "arn:aws:sns:REGION:ACCOUNT:NAME", from: "the `arn` of an `sns.topic`" };

impl Arn {
    /// Reports a text that is none of these; what is not known yet may be one.
    pub(crate) fn check(&self, value: Option<&Value>, at: Path, problems: &mut Problems) {
        if let Some(text) = value.and_then(Value::as_text)
            && !self.is_one(text)
        {
            let help = format!("write `{}`, which is {}", self.form, self.from);
            problems.error(at, format!("`{text}` is not the ARN of {}", self.what), help);
        }
    }

    fn is_one(&self, text: &str) -> bool {
        let (parts, form): (Vec<_>, Vec<_>) = (text.split(':').collect(), self.form.split(':').collect());
        // The sixth part says what it is, before what is in capitals.
        let kind = form[5].trim_end_matches(|it: char| it.is_ascii_uppercase());
        parts.len() >= form.len()
            && (parts[0], parts[2]) == (form[0], form[2])
            && parts[5].strip_prefix(kind).is_some_and(|it| !it.is_empty() || kind == form[5])
            && !parts[5..].iter().any(|it| it.is_empty())
            && !text.contains(char::is_whitespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_told_from_a_name_and_from_that_of_something_else() {
        for (kind, text, is_one) in [
            (&ROLE, "arn:aws:iam::123456789012:role/web", true),
            (&ROLE, "arn:aws-cn:iam::123456789012:role/team/web", true),
            (&ROLE, "arn:aws:iam::123456789012:role/", false),
            (&ROLE, "arn:aws:iam::123456789012:user/web", false),
            (&ROLE, "arn:aws:iam::123456789012:role/a b", false),
            (&ROLE, "web", false),
            (&POLICY, "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", true),
            (&POLICY, "AWSLambdaBasicExecutionRole", false),
            (&BUCKET, "arn:aws:s3:::example", true),
            (&BUCKET, "arn:aws:s3:::example/folder/", true),
            (&BUCKET, "arn:aws:s3:::", false),
            (&BUCKET, "example", false),
            (&FUNCTION, "arn:aws:lambda:eu-central-1:123456789012:function:web", true),
            (&FUNCTION, "arn:aws:lambda:eu-central-1:123456789012:function:web:live", true),
            (&FUNCTION, "arn:aws:lambda:eu-central-1:123456789012:function", false),
            (&LAYER, "arn:aws:lambda:eu-central-1:123456789012:layer:tools:3", true),
            (&LAYER, "arn:aws:lambda:eu-central-1:123456789012:layer:tools", false),
            (&LOG_GROUP, "arn:aws:logs:eu-central-1:123456789012:log-group:/web:*", true),
            (&QUEUE, "arn:aws:sqs:eu-central-1:123456789012:web", true),
            (&QUEUE, "arn:aws:sns:eu-central-1:123456789012:web", false),
            (&STREAM, "arn:aws:firehose:eu-central-1:123456789012:deliverystream/web", true),
            (&TOPIC, "arn:aws:sns:eu-central-1:123456789012:web", true),
            (&TOPIC, "a", false),
            (&TOPIC, "", false),
        ] {
            assert_eq!(kind.is_one(text), is_one, "{}: {text}", kind.what);
        }
    }
}
