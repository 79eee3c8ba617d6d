//! AWS's services, as an SDK sees them.

mod caller;
mod dynamodb;
mod ledger;
mod port;
mod protocol;
mod secrets;
mod ses;
mod sns;
mod sqs;

pub(crate) use self::{
    caller::Caller,
    dynamodb::{Database, DynamoDb},
    ledger::{Call, Ledger, Performed},
    port::{Aws, OPERATIONS},
    secrets::Secrets,
    ses::Ses,
    sns::Sns,
    sqs::Sqs,
};
