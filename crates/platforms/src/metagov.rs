//! The generic layer over plugins: declared, so that policies for it can be written and checked; not built yet.

mod descriptor;

pub(crate) use descriptor::descriptor;
