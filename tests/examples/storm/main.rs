//! Many at once, beside what DynamoDB takes: `cargo bench-storm`.
//!
//! It starts a local stack with the real functions, in which each partition key of *Subscribers* and *Schedule* takes so many write
//! units a second, and each of the two tables four times as many, as a new table of DynamoDB does. Connections join one channel, so
//! many a second; then notifications are scheduled for one second, and come. It fails if somebody is not joined, or if something is
//! not sent.
#![allow(clippy::unwrap_used, reason = "panicking is how it fails")]

mod due;
mod joins;
mod options;
mod report;

use std::process::ExitCode;

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use options::Options;
use tidings_tests::bench::stack::Stack;

/// The secret that signs the tokens of this bench.
const SECRET: &str = "the secret of the stacks that are measured";

/// The write units that a new table takes for each that one of its partitions does.
const PARTITIONS: u32 = 4;

fn token(claims: &Value) -> String {
    let mut claims = claims.clone();
    claims["exp"] = json!(get_current_timestamp() + 7200);
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn start(units: u32) -> Stack {
    let limit = |on: &str, units: u32| json!({"on": on, "do": {"write_units": units}}).to_string();
    let limits = ["Subscribers", "Schedule"].map(|table| {
        [limit(&format!("partition.{table}"), units), limit(&format!("table.{table}"), PARTITIONS * units)]
    });
    let secret = format!("LocalTokenSecret={SECRET}");
    let mut arguments = vec!["--parameter", secret.as_str()];
    limits.as_flattened().iter().for_each(|rule| arguments.extend(["--fault", rule.as_str()]));
    Stack::start(&arguments)
}

/// The number of writes to a table that the limits have held back so far.
async fn held_back(stack: &Stack, table: &str) -> u64 {
    let faults = stack.control(Method::GET, "faults").await;
    let of_table = faults.as_array().unwrap().iter().filter(|rule| rule["on"].as_str().unwrap().ends_with(table));
    of_table.map(|rule| rule["fired"].as_u64().unwrap()).sum()
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::from_arguments() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let stack = start(options.write_units);
    let joins = joins::measure(&stack, &options).await;
    let due = due::measure(&stack, options.scheduled).await;
    println!("{}", report::table(&options, &joins, &due));
    if due.missing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
