//! One envelope's way through the log: a span under the name that its reading will have.
//!
//! The name is worked out of gateway, outbox and number, so that it is known before anything is decided, stands in the record, in
//! findings and in exports, and holds nothing about a person. Only at DEBUG: a log at INFO knows of no single reading.
//!
//! **Invariant:** whoever logs nothing at DEBUG pays for no name.

use care::admission::{readings, streams};
use tracing::Span;
use vitals::GatewayId;

use crate::admit::Source;
use crate::judge::Item;

/// The span in which `item` is decided.
pub(crate) fn span(source: Source<'_>, item: &Item<'_>) -> Span {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return Span::none();
    }
    let gateway = source.gateway.map_or("?", GatewayId::as_str);
    match (source.gateway, &item.place) {
        (Some(id), Some(place)) => {
            let (outbox, seq) = (place.outbox.as_str(), place.seq.get());
            let trace = readings::id_under(&streams::name_of(id, &place.outbox), place.seq);
            tracing::debug_span!("envelope", trace, gateway, outbox, seq)
        }
        // Without a number there will be no reading; its bytes name it.
        (_, _) => tracing::debug_span!("envelope", trace = item.hash.as_str(), gateway),
    }
}
