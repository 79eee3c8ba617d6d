//! The least that a Lambda function in Rust can be: what `cargo bench-startup` measures the functions beside.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| async { Ok::<_, lambda_runtime::Error>(json!({})) })).await
}
