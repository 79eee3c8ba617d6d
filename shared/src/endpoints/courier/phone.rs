//! Phones, through SNS.

use domain::time::Millis;

use super::{Courier, Made, Outcome};
use crate::aws::cap::{Allowance, Paid};
use crate::aws::subscribers::Endpoint;
use crate::endpoints::mobile_push::Push;
use crate::endpoints::parcel::Parcel;
use crate::endpoints::sms::{self, Text};
use crate::endpoints::target::{MobilePush, Sms};
use crate::error::Error;

/// An application on a phone.
pub(super) async fn push(courier: &Courier, target: &MobilePush, parcel: &Parcel<'_>) -> Result<Made, Error> {
    let push = Push::of(target.target_arn.platform(), parcel);
    courier.publisher.push(&target.target_arn, &push).await.map(Made::handed)
}

/// A text message.
pub(super) async fn text(
    courier: &Courier,
    endpoint: &Endpoint,
    target: &Sms,
    parcel: &Parcel<'_>,
    now: Millis,
) -> Result<Made, Error> {
    // One that is longer than its user's day has parts would never go out.
    let cap = courier.cap(courier.kinds.sms_cap);
    let Some(Text { text, parts }) = sms::text(parcel, cap.each.max(1)) else {
        return Ok(Made::only(Outcome::Nothing));
    };
    match courier.caps.take_paid(Paid::Sms, &endpoint.user(), parts, cap, now).await? {
        Allowance::Reached { until } => Ok(Made::because(Outcome::PutOff(until), "daily_cap")),
        Allowance::Taken => courier.publisher.sms(&target.phone, &text).await.map(Made::handed),
    }
}
