//! Policy code in, what it does out.

mod common;
mod hostile;
mod language;
mod published;
mod running;
