//! `vagen export`: the store as JSON lines.

use std::io::{self, BufWriter, Write as _};

use care::export::{self, ExportError, Filter, What};

use crate::cli::store::{operating_system_user, with_store};
use crate::cli::{ExportArguments, ExportWhat};
use crate::failure::{Failure, OrFail};

pub(crate) fn run(arguments: &ExportArguments) -> Result<(), Failure> {
    let what = match arguments.what {
        ExportWhat::Readings => What::Readings,
        ExportWhat::Tasks => What::Tasks,
        ExportWhat::Quarantine => What::Quarantine,
        ExportWhat::Audit => What::Audit,
    };
    let filter = Filter { patient: arguments.patient.clone(), since: arguments.since };
    with_store(&arguments.store, async |store, now| {
        let mut out = BufWriter::new(io::stdout().lock());
        export::export(&store, what, &filter, &operating_system_user(), now, &mut out).await.map_err(
            |error| match error {
                ExportError::NoSuchPatient(_) | ExportError::QuarantineHasNoPatient => Failure::input(error),
                ExportError::Store(error) => Failure::work(error),
                ExportError::Write(error) => Failure::work(error),
            },
        )?;
        out.flush().or_fail()
    })
}
