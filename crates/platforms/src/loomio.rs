//! Loomio: declared, so that policies for it can be written and checked; not built yet, so it cannot be connected.

mod descriptor;

pub(crate) use descriptor::descriptor;
