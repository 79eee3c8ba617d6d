//! Parts that several benches have in common.

pub mod batch;
pub mod build;
pub mod cloud;
pub mod cpu;
pub mod gateway;
pub mod number;
pub mod prices;
pub mod runtime;
pub mod spent;
pub mod stack;
pub mod subscribers;
pub mod template;
