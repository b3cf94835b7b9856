//! Holding the process for ever at one step, so that somebody outside can kill it there.
//!
//! **Invariant:** a held process does nothing more in the thread that reached the point.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Step;

struct Hold {
    step: Step,
    nth: u64,
    file: String,
}

/// What `VAGEN_HOLD` asks for. One that cannot be read stops the process: a crash test that holds nowhere proves nothing.
static HOLD: LazyLock<Option<Hold>> = LazyLock::new(|| {
    let text = std::env::var("VAGEN_HOLD").ok()?;
    Some(parse(&text).unwrap_or_else(|| panic!("VAGEN_HOLD={text:?} must be step:n:file")))
});
static SEEN: AtomicU64 = AtomicU64::new(0);

fn parse(text: &str) -> Option<Hold> {
    let mut parts = text.splitn(3, ':');
    let step = match parts.next()? {
        "before_commit" => Step::BeforeCommit,
        "between_commit_and_ack" => Step::BetweenCommitAndAck,
        "between_ack_and_receipt" => Step::BetweenAckAndReceipt,
        _ => return None,
    };
    Some(Hold { step, nth: parts.next()?.parse().ok()?, file: parts.next()?.to_owned() })
}

/// Holds for ever where `VAGEN_HOLD` asks to.
pub(super) fn here(step: Step) {
    let Some(hold) = HOLD.as_ref().filter(|hold| hold.step == step) else { return };
    if SEEN.fetch_add(1, Ordering::SeqCst) + 1 != hold.nth {
        return;
    }
    if let Err(error) = std::fs::write(&hold.file, std::process::id().to_string()) {
        panic!("cannot write {}: {error}", hold.file);
    }
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_names_step_count_and_file() {
        let hold = parse("between_commit_and_ack:3:/tmp/a:b").expect("a hold");
        assert_eq!((hold.step, hold.nth, hold.file.as_str()), (Step::BetweenCommitAndAck, 3, "/tmp/a:b"));
        for bad in ["", "before_commit", "before_commit:x:f", "elsewhere:1:f"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
