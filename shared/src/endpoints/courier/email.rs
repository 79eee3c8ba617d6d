//! A mailbox, through SES.

use domain::time::Millis;

use super::{Courier, Made, Outcome};
use crate::aws::cap::{Allowance, Paid};
use crate::aws::subscribers::Endpoint;
use crate::endpoints::email::Mail;
use crate::endpoints::parcel::Parcel;
use crate::endpoints::target::Email;
use crate::error::Error;

pub(super) async fn attempt(
    courier: &Courier,
    endpoint: &Endpoint,
    target: &Email,
    parcel: &Parcel<'_>,
    now: Millis,
) -> Result<Made, Error> {
    let Some(mail) = Mail::of(parcel) else { return Ok(Made::only(Outcome::Nothing)) };
    let cap = courier.cap(courier.kinds.email_cap);
    match courier.caps.take_paid(Paid::Email, &endpoint.user(), 1, cap, now).await? {
        Allowance::Reached { until } => Ok(Made::because(Outcome::PutOff(until), "daily_cap")),
        Allowance::Taken => courier.mailer.send(&target.address, &mail).await.map(Made::handed),
    }
}
