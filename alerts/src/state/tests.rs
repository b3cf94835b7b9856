//! What a state holds and how it is folded.
