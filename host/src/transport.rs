//! Where images come from and go to, one module for each form.

pub mod tar_index;
