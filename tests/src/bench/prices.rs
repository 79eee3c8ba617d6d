//! AWS's prices.

use std::ops::Index;

use toml::Table;

/// The price table.
pub struct Prices(Table);

impl Prices {
    /// Reads `tests/prices.toml`.
    pub fn read() -> Self {
        Self(include_str!("../../prices.toml").parse().unwrap())
    }

    /// Which prices these are.
    pub fn title(&self) -> String {
        let text = |name: &str| self.0[name].as_str().unwrap();
        format!("{}, {}", text("region"), text("date"))
    }
}

/// In dollars a million.
impl Index<&str> for Prices {
    type Output = f64;

    fn index(&self, name: &str) -> &f64 {
        let toml::Value::Float(million) = &self.0[name]["million"] else { panic!("no price: {name}") };
        million
    }
}
