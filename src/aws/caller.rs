//! Who calls AWS.

use infra::{
    resource::{Error, Result},
    stack::Caller,
};

use super::{Aws, error::error};

impl Aws {
    /// The account and partition that the credentials belong to. It needs no permission, so that it tells whether they are good.
    /// Asked once for all that calls from here.
    pub(crate) async fn caller(&self) -> Result<Caller> {
        self.known_caller().get_or_try_init(|| self.ask_who_calls()).await.cloned()
    }

    async fn ask_who_calls(&self) -> Result<Caller> {
        let answer = self.sts().get_caller_identity().send().await.map_err(error)?;
        let (Some(account), Some(arn)) = (answer.account(), answer.arn()) else {
            return Err(Error::bug("GetCallerIdentity", "the answer names no account"));
        };
        // arn:PARTITION:sts::ACCOUNT:…
        let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
        Ok(Caller { account: account.to_owned(), partition })
    }
}
