//! Reports in each form.
