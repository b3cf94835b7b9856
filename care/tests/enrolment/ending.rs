//! How a box's right to speak ends: taken back, or replaced by another box.

use care::admission::{gateways, replaced, streams};
use care::enrolment::certificates::Ending;
use care::enrolment::revocation;
use care::enrolment::staff::{self, Standing};
use serde_json::json;

use crate::house::{House, NOW, at};
use crate::{HomeBox, code, common_name, enrolled, gateway, standing, technician};

#[tokio::test]
async fn what_is_revoked_is_on_the_list_until_it_is_seen_to_be_refused() {
    let house = House::build().await;
    let (_, granted) = enrolled(&house, at(NOW)).await;
    let code = code(&house, at(NOW)).await;
    let (store, authority) = (&house.state.store, &house.state.enrolment.authority);
    let now = at(NOW).plus_millis(1000);
    assert_eq!(staff::revoke(store, &technician(), &gateway(), now).await.expect("revokes"), 1);
    assert_eq!(staff::revoke(store, &technician(), &gateway(), now).await.expect("again"), 0);
    assert!(HomeBox::new().enrol(&house, &code, now).await.is_err(), "the code was taken back too");
    let mut reader = store.read().await.expect("a reader");
    let open = revocation::unenforced(&mut reader, now).await.expect("reads");
    assert!(open.len() == 1 && open[0].ends_session && open[0].since == now, "{open:?}");
    let first = revocation::list(store, authority, now).await.expect("a list");
    let second = revocation::list(store, authority, now).await.expect("another within the second");
    let (serial, one, two) = (serial_of(&granted.certificate), facts(&first.pem), facts(&second.pem));
    assert!(one.0.contains(&serial) && one.0.contains(&first.telltale.issued.serial), "{one:?}");
    assert!(two.0.contains(&serial) && !two.0.contains(&first.telltale.issued.serial), "{two:?}");
    assert!(two.1 > one.1 && two.2 > one.2, "a broker goes by the later one: {one:?} {two:?}");
    assert!(matches!(
        standing(&house, now).await,
        Standing::Ended { why: Ending::Revoked, enforced_at: None, .. }
    ));
    revocation::enforced(store, &open, now.plus_millis(5)).await.expect("notes");
    assert!(revocation::unenforced(&mut reader, now).await.expect("reads").is_empty());
}

fn serial_of(pem: &str) -> String {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("PEM");
    vitals::hex::encode(block.parse_x509().expect("a certificate").raw_serial())
}

/// The serial numbers on a list, its number, and its time.
fn facts(pem: &str) -> (Vec<String>, String, i64) {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("PEM");
    let (_, list) = x509_parser::parse_x509_crl(&block.contents).expect("a list");
    let serials = list.iter_revoked_certificates().map(|one| vitals::hex::encode(one.raw_serial())).collect();
    (serials, format!("{:09}", list.crl_number().expect("a number")), list.last_update().timestamp())
}

/// Numbers by hand: 1 to 3 and 5 came, the last heartbeat said 9, so 4, 6, 7, 8 and 9 are missing.
#[tokio::test]
async fn a_replaced_box_is_shut_out_and_what_it_held_is_counted() {
    let house = House::build().await;
    let store = &house.state.store;
    enrolled(&house, at(NOW)).await;
    let outbox: vitals::OutboxId = "old".parse().expect("a label");
    let mut tx = store.write().await.expect("a transaction");
    let stream = streams::begin(&mut tx, &gateway(), &outbox).await.expect("begins");
    for seq in [1_u64, 2, 3, 5] {
        let seq = vitals::Seq::new(seq).expect("a number");
        streams::decide(&mut tx, stream.id, seq, "h", streams::Verdict::Stored).await.expect("decides");
    }
    let stands = streams::Stream { through: 3, highest: 5, gap_since: Some(at(NOW)), ..stream.clone() };
    let noted = |heard_at| {
        let (gateway, outbox, stream) = (gateway(), outbox.clone(), stands.clone());
        [(streams::Of { gateway, outbox, stream }, heard_at)]
    };
    streams::note(&mut tx, &noted(at(NOW))).await.expect("notes");
    let beat = serde_json::from_value(
        json!({ "v": 1, "gateway": "gw-0001", "at": NOW, "outbox": "old", "last_seq": 9,
        "unreceipted": 6, "devices": [] }),
    );
    gateways::beat(&mut tx, &beat.expect("a heartbeat"), at(NOW)).await.expect("keeps");
    tx.commit().await.expect("commits");
    let now = at(NOW).plus_millis(60_000);
    let mut reader = store.read().await.expect("a reader");
    assert_eq!(
        streams::gapped(&mut reader, now).await.expect("reads").len(),
        1,
        "it is asked for while the box is there"
    );

    let fresh = staff::replace(store, &house.state.enrolment, &technician(), &gateway(), now)
        .await
        .expect("replaces");
    assert!(matches!(standing(&house, now).await, Standing::Ended { why: Ending::Replaced, .. }));
    assert!(streams::gapped(&mut reader, now).await.expect("reads").is_empty(), "nobody is left to ask");
    let untold = replaced::untold(&mut reader).await.expect("reads");
    assert_eq!(
        untold
            .iter()
            .filter(|one| one.missing > 0)
            .map(|one| (one.through, one.last, one.missing))
            .collect::<Vec<_>>(),
        [(3, 9, 5)]
    );
    let granted =
        HomeBox::new().enrol(&house, &fresh.code.to_string(), now).await.expect("the new box enrols");
    assert_eq!(common_name(&granted.certificate), "CN=gw-0001");

    let mut tx = store.write().await.expect("a transaction");
    replaced::told(&mut tx, stream.id, now).await.expect("notes");
    streams::note(&mut tx, &noted(now.plus_millis(1000))).await.expect("a last message on its way");
    tx.commit().await.expect("commits");
    assert!(streams::gapped(&mut reader, now).await.expect("reads").is_empty());
    let mut tx = store.write().await.expect("a transaction");
    streams::note(&mut tx, &noted(now.plus_millis(600_000))).await.expect("the old disk in the new box");
    tx.commit().await.expect("commits");
    assert_eq!(
        streams::gapped(&mut reader, now).await.expect("reads").len(),
        1,
        "it speaks again and is asked again"
    );
    assert!(replaced::untold(&mut reader).await.expect("reads").iter().all(|one| one.missing == 0));
}
