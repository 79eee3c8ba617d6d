//! The speed of an endpoint, in its row; `domain::endpoint::lane` says what follows from it.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::time::Millis;

use super::{Endpoint, Subscribers};
use crate::aws::row::number;
use crate::error::Error;

impl Subscribers {
    /// Takes the trial of an endpoint that nothing is known of, until then; `false` if another attempt has it, or the endpoint is
    /// known meanwhile.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn take_trial(&self, endpoint: &Endpoint, until: Millis, now: Millis) -> Result<bool, Error> {
        let request = self
            .update_endpoint(&endpoint.channel, &endpoint.id)
            .update_expression("SET trial_until = :until")
            .condition_expression(
                "id = :id AND attribute_not_exists(known_quick) AND attribute_not_exists(slow_until) \
                 AND (attribute_not_exists(trial_until) OR trial_until <= :now)",
            )
            .expression_attribute_values(":until", number(until.0))
            .expression_attribute_values(":now", number(now.0));
        Ok(self.change_endpoint(request).await?.is_some())
    }

    /// Notes that an endpoint is slow, at least until then; `false` if it is gone.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn record_slow(&self, endpoint: &Endpoint, until: Millis) -> Result<bool, Error> {
        let request = self
            .update_endpoint(&endpoint.channel, &endpoint.id)
            .update_expression("SET slow_until = :until REMOVE known_quick, trial_until")
            .condition_expression("id = :id")
            .expression_attribute_values(":until", number(until.0));
        Ok(self.change_endpoint(request).await?.is_some())
    }

    /// Notes that an endpoint was quick just now, unless it is to stay slow.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn record_quick(&self, endpoint: &Endpoint, now: Millis) -> Result<(), Error> {
        let request = self
            .update_endpoint(&endpoint.channel, &endpoint.id)
            .update_expression("SET known_quick = :quick REMOVE slow_until, trial_until")
            .condition_expression("id = :id AND (attribute_not_exists(slow_until) OR slow_until <= :now)")
            .expression_attribute_values(":quick", AttributeValue::Bool(true))
            .expression_attribute_values(":now", number(now.0));
        self.change_endpoint(request).await.map(drop)
    }
}
