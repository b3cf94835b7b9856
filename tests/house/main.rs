//! The house rules that a compiler does not hold: who imports whom, what the pure rooms never touch, how large a file or a
//! function may grow, and that the documents speak of what is there.
//!
//! Reads the checkout and nothing else. Each rule is a function from text to complaints, and has its own test on a text
//! that breaks it, so a rule that stopped biting would be noticed.

mod checkout;
mod code;
mod documents;
mod imports;
mod sizes;
mod sources;

use checkout::Checkout;

/// No complaints, or all of them.
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn rooms_import_only_what_the_house_allows() {
    let checkout = Checkout::read();
    let complaints: Vec<String> = imports::ROOMS
        .iter()
        .flat_map(|room| imports::complaints(room, &checkout.file(&room.manifest()).text))
        .collect();
    assert_none(&complaints);
    assert_none(&imports::complaints_on_root(&checkout.file("Cargo.toml").text));
}

#[test]
fn sources_keep_to_their_room() {
    let checkout = Checkout::read();
    assert_none(&checkout.sources().flat_map(sources::complaints).collect::<Vec<_>>());
}

#[test]
fn files_and_functions_stay_small() {
    let checkout = Checkout::read();
    assert_none(&sizes::complaints(checkout.sources(), sizes::FILES_ALLOWED, sizes::FUNCTIONS_ALLOWED));
}

#[test]
fn documents_speak_of_what_is_there() {
    let checkout = Checkout::read();
    assert_none(
        &checkout.documents().flat_map(|file| documents::missing(file, &checkout)).collect::<Vec<_>>(),
    );
}

#[test]
fn every_control_of_a_hazard_has_its_test() {
    let checkout = Checkout::read();
    assert_none(&documents::unproven(checkout.file("docs/safety.md"), &checkout));
}

#[test]
fn the_text_stands_alone() {
    let checkout = Checkout::read();
    assert_none(&checkout.files().flat_map(documents::foreign).collect::<Vec<_>>());
}
