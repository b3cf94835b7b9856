//! How a command ends when it does not end well.

use std::fmt::Display;
use std::process::ExitCode;

/// Why a command failed, by what its exit status says.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments or the input are wrong: status 2, one line.
    Input(String),
    /// The work failed: status 1.
    Work(anyhow::Error),
    /// Whoever read our output stopped reading: status 0, and nothing to say.
    NobodyReads,
}

impl Failure {
    pub(crate) fn input(what: impl Display) -> Self {
        Self::Input(what.to_string())
    }

    pub(crate) fn work(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        let broken_pipe = error.chain().any(|cause| {
            cause
                .downcast_ref::<std::io::Error>()
                .is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
        });
        if broken_pipe { Self::NobodyReads } else { Self::Work(error) }
    }

    /// Says why on stderr.
    #[allow(clippy::print_stderr)]
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Input(line) => {
                eprintln!("vagen: {}", line.replace('\n', " "));
                ExitCode::from(2)
            }
            Self::Work(error) => {
                eprintln!("vagen: {}", format!("{error:#}").replace('\n', " "));
                ExitCode::from(1)
            }
            Self::NobodyReads => ExitCode::SUCCESS,
        }
    }
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Input(line) => Self::msg(line),
            Failure::Work(error) => error,
            Failure::NobodyReads => Self::msg("nobody reads what is written"),
        }
    }
}

/// `?` on the errors of the work.
pub(crate) trait OrFail<T> {
    /// The work failed.
    fn or_fail(self) -> Result<T, Failure>;
    /// The input is wrong.
    fn or_wrong_input(self, place: impl Display) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrFail<T> for Result<T, E> {
    fn or_fail(self) -> Result<T, Failure> {
        self.map_err(Failure::work)
    }

    fn or_wrong_input(self, place: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::input(format_args!("{place}: {:#}", error.into())))
    }
}
