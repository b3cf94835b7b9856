//! The rows of the model table.

use super::Model;

pub(super) const MODELS: &[Model] = &[];
