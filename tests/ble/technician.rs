//! What a technician does with the gateway's commands: recording and playing a visit.

use crate::cases::Case;

/// In the order in which they run.
pub(crate) const ALL: &[Case] = &[];
