//! Credentials read from text; one file for each form.
