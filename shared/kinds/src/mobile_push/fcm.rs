//! The message to Firebase Cloud Messaging: its HTTP v1 message, as SNS takes it (AWS: "Using Google Firebase Cloud Messaging v1
//! payloads in Amazon SNS"; Google: "REST Resource: projects.messages").

use serde::Serialize;

use super::adm::Strings;
use super::message::{Load, collapse_id, ttl, wakes};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    fcm_v1_message: Request<'a>,
}

#[derive(Serialize)]
struct Request<'a> {
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    /// The part that is shown. A message without it goes to the application, and nothing is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<Notification<'a>>,
    android: Android,
    data: Strings<'a>,
}

#[derive(Serialize)]
struct Notification<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

#[derive(Serialize)]
struct Android {
    priority: &'static str,
    /// Takes the place of an older message that waits for the phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    collapse_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<AndroidNotification>,
}

#[derive(Serialize)]
struct AndroidNotification {
    /// Takes the place of an older one that is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    /// The badge.
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_count: Option<u64>,
}

pub(super) fn text(load: &Load<'_>) -> String {
    let Load { delivery, shown, .. } = load;
    let is_shown = delivery.is_readable();
    let collapse_key = collapse_id(delivery);
    let android = Android {
        priority: if wakes(delivery) { "high" } else { "normal" },
        ttl: ttl(delivery).map(|seconds| format!("{seconds}s")),
        notification: is_shown
            .then(|| AndroidNotification { tag: collapse_key.clone(), notification_count: delivery.unread }),
        collapse_key,
    };
    let notification = is_shown.then_some(Notification { title: shown.title.as_deref(), body: shown.body.as_deref() });
    let message = Message { notification, android, data: Strings::of(load) };
    // Strings and numbers have no way to fail.
    serde_json::to_string(&Payload { fcm_v1_message: Request { message } }).unwrap_or_default()
}
