//! The caller of AWS's services, and the authorization of its calls.

use hyper::HeaderMap;

use crate::{
    iam::{Right, allows},
    lambda::Lambda,
    template::{ACCOUNT, Function},
};

/// The caller of an AWS API, by its access key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The access key, if the request is signed with one.
    pub(crate) access_key: Option<String>,
    /// The function that has the access key. Any other caller may do everything.
    pub(crate) function: Option<Function>,
}

impl Caller {
    /// Reads the `Authorization` header.
    pub(crate) fn of(headers: &HeaderMap, lambda: &Lambda) -> Self {
        let header = headers.get(hyper::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let access_key = header.and_then(access_key).map(str::to_owned);
        let function = access_key.as_deref().and_then(|key| lambda.function_of(key)).cloned();
        Self { access_key, function }
    }

    /// The calling function's logical name.
    pub(crate) fn function_name(&self) -> Option<String> {
        self.function.as_ref().map(|function| function.name.clone())
    }

    /// The access key, if it is a function's.
    pub(crate) fn process(&self) -> Option<String> {
        self.access_key.clone().filter(|_| self.function.is_some())
    }

    /// Whether the caller may perform `operation`, which needs these rights; the error is AWS's message. A function may not
    /// perform an operation without known rights.
    pub(crate) fn authorize(&self, operation: &str, needed: &[Right]) -> Result<(), String> {
        let Some(function) = &self.function else { return Ok(()) };
        if needed.is_empty() {
            return Err(format!(
                "User: {} is not authorized to perform: {operation}; the local stack knows no right that it needs",
                user(function)
            ));
        }
        match needed.iter().find(|right| !allows(&function.policy, right)) {
            None => Ok(()),
            Some(Right { action, resource, .. }) => Err(format!(
                "User: {} is not authorized to perform: {action} on resource: {resource} \
                 because no identity-based policy allows the {action} action",
                user(function)
            )),
        }
    }
}

fn user(function: &Function) -> String {
    let name = &function.physical_name;
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}-role/{name}")
}

/// The access key in a Signature Version 4 `Authorization` header.
fn access_key(authorization: &str) -> Option<&str> {
    let credential = authorization.strip_prefix("AWS4-")?.split_once("Credential=")?.1;
    credential.split(['/', ',']).next().filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_function_may_do_only_what_is_known_to_be_allowed() {
        let all = json!([{"Effect": "Allow", "Action": "*", "Resource": "arn:t"}]);
        let all = serde_json::from_value(all).expect("valid statements");
        let function = Caller { function: Some(Function::named("F", all)), ..Caller::default() };
        let needs = |resource: &str| [Right::new("dynamodb:GetItem", resource)];
        function.authorize("GetItem", &needs("arn:t")).expect("it is allowed");
        let refused = function.authorize("GetItem", &needs("arn:other")).expect_err("it is not allowed");
        assert!(refused.contains("not authorized to perform: dynamodb:GetItem on resource: arn:other"), "{refused}");
        let unknown = function.authorize("ExecuteStatement", &[]).expect_err("nobody knows");
        assert!(unknown.contains("not authorized to perform: ExecuteStatement"), "{unknown}");
        Caller::default().authorize("ExecuteStatement", &[]).expect("who is no function may do all");
    }

    #[test]
    fn the_access_key_stands_in_the_authorization_header() {
        let header = "AWS4-HMAC-SHA256 Credential=ASIA1/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(access_key(header), Some("ASIA1"));
        assert_eq!(access_key("Bearer Credential=x"), None);
    }
}
