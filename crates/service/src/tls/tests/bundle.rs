//! Which revocation lists may replace others.

use super::*;
use crate::tls::revocation_bundle::RevocationBundle;
use crate::tls::trusted_roots::TrustedRoots;

fn bundle(world: &World, pem: &str) -> RevocationBundle {
    let roots = TrustedRoots::read(&world.roots()).unwrap();
    RevocationBundle::from_pem(pem.as_bytes(), &roots, OffsetDateTime::now_utc()).unwrap()
}

/// Returns the serial numbers that the lists in use revoke.
fn revoked(bundle: &RevocationBundle) -> Vec<SerialNumber> {
    let mut all: Vec<_> =
        bundle.covered().iter().flat_map(|signer| signer.list.revoked().keys()).cloned().collect();
    all.sort();
    all
}

#[test]
fn a_bundle_has_the_lists_of_its_trusted_signers() {
    let world = World::new();
    let stranger = Signer::root("stranger");
    let pem = world.bundle(5, &[9, 8]) + &stranger.list(7, &[1]) + &stranger.pem;
    let found = bundle(&world, &pem);
    assert_eq!(revoked(&found), [serial(8), serial(9)]);
    assert_eq!((found.covered().len(), found.revoked(), found.ignored()), (2, 2, 1));
    // An issuer that a stranger has signed is a stranger, also under a known name.
    let impostor = stranger.issuer("test issuer", 4);
    let pem = world.root.list(5, &[]) + &impostor.pem + &impostor.list(6, &[9]);
    assert_eq!((revoked(&bundle(&world, &pem)), bundle(&world, &pem).ignored()), (vec![], 1));
}

#[test]
fn revocation_is_final() {
    let world = World::new();
    let (root, issuer) = (&world.root, &world.issuer);
    let in_use = bundle(&world, &world.bundle(10, &[7, 8]));
    let follows = |pem: &str| bundle(&world, pem).check_follows(&in_use).map_err(|error| error.to_string());
    for good in [
        world.bundle(10, &[8, 7]),
        world.bundle(11, &[7, 8]),
        world.bundle(11, &[7, 8, 9]),
        // An issuer that its root has revoked needs no list.
        root.list(11, &[ISSUER]),
        root.list(11, &[ISSUER]) + &issuer.pem + &issuer.list(9, &[]),
        // Of two lists of one signer, the newer one counts.
        world.bundle(9, &[]) + &world.bundle(12, &[7, 8]),
    ] {
        follows(&good).unwrap();
    }
    for (bad, reason) in [
        (world.bundle(9, &[7, 8]), "number 9 and is older than the one in use, 10"),
        (world.bundle(9, &[7, 8, 9]), "older"),
        (world.bundle(10, &[7]), "same number as the one in use, 10"),
        (world.bundle(10, &[7, 8, 9]), "same number"),
        (world.bundle(11, &[7, 9]), "does not contain the certificate 08"),
        (root.list(11, &[]), "no valid revocation list of CN=test issuer"),
        (issuer.pem.clone() + &issuer.list(11, &[7, 8]), "no valid revocation list of CN=test root"),
        // A list without its issuer's certificate is nobody's.
        (root.list(11, &[]) + &issuer.list(11, &[7, 8]), "no valid revocation list of CN=test issuer"),
    ] {
        let error = follows(&bad).unwrap_err();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn a_list_of_an_issuer_that_has_expired_is_not_needed() {
    let world = World::new();
    let past = Dates::around(Duration::days(9), Duration::days(-1));
    let former = world.root.issuer_with("former issuer", 4, past);
    let pem = world.bundle(10, &[7]) + &former.pem + &former.list(10, &[5]);
    assert_eq!(revoked(&bundle(&world, &pem)), [serial(7)]);
    bundle(&world, &world.bundle(11, &[7])).check_follows(&bundle(&world, &pem)).unwrap();
}

#[test]
fn numbers_are_compared_as_numbers() {
    let world = World::new();
    let numbers = [0, 1, 127, 128, 255, 256, 65_535, 1_764_316_768_123, u64::MAX];
    for (index, &earlier) in numbers.iter().enumerate() {
        for &later in &numbers[index + 1..] {
            let (before, after) =
                (bundle(&world, &world.bundle(earlier, &[])), bundle(&world, &world.bundle(later, &[])));
            after.check_follows(&before).unwrap();
            let error = before.check_follows(&after).unwrap_err().to_string();
            assert!(
                error.contains(&format!("{earlier} and is older than the one in use, {later}")),
                "{error}"
            );
        }
    }
}

#[test]
fn lists_are_current_until_their_date_or_their_greatest_age() {
    let world = World::new();
    let dates = |from: i64, to: i64| Dates::around(Duration::days(-from), Duration::days(to));
    let (issuer, root) = (dates(-2, 28), dates(-100, 265));
    let pem = world.issuer.pem.clone()
        + &world.issuer.list_with(1, &[], issuer)
        + &world.root.list_with(1, &[], root);
    let found = bundle(&world, &pem);
    let until = |name: &str, days: Option<u64>| {
        let signer = found.covered().iter().find(|signer| signer.list.signer().subject().contains(name));
        let age = days.map(|days| std::time::Duration::from_secs(days * 86_400));
        found.current_until(signer.unwrap(), age).unwrap()
    };
    assert_eq!(until("issuer", None), issuer.not_after);
    assert_eq!(until("issuer", Some(60)), issuer.not_after);
    assert_eq!(until("issuer", Some(5)), issuer.not_before + Duration::days(5));
    // The root of issuers signs rarely: only its own date counts.
    assert_eq!(until("root", Some(5)), root.not_after);
    // A root that signs leaves itself is like an issuer.
    let former = bundle(&world, &world.root.list_with(1, &[], root));
    let age = Some(std::time::Duration::from_secs(5 * 86_400));
    assert_eq!(former.current_until(&former.covered()[0], age), Some(root.not_before + Duration::days(5)));
}

#[test]
fn an_old_list_of_the_root_makes_its_issuers_lists_old() {
    let world = World::new();
    let past = Dates::around(Duration::days(9), Duration::days(-1));
    let pem = world.issuer.pem.clone() + &world.issuer.list(1, &[]) + &world.root.list_with(1, &[], past);
    let found = bundle(&world, &pem);
    for signer in found.covered() {
        assert_eq!(found.current_until(signer, None), Some(past.not_after));
    }
}
