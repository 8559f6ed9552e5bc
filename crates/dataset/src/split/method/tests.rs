use proptest::prelude::*;

use super::*;

fn explicit(groups: &[&[u8]]) -> SplitMethod {
    SplitMethod::Explicit(groups.iter().map(|group| group.to_vec()).collect())
}

#[test]
fn three_regular_groups_are_the_papers() {
    let found = group_labels(&SplitMethod::Regular, 3, 10, 1).unwrap();
    assert_eq!(found, [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8, 9]]);
}

#[test]
fn three_likewise_groups_are_the_papers() {
    let found = group_labels(&SplitMethod::Likewise, 3, 10, 1).unwrap();
    assert_eq!(found, [vec![0, 6, 8], vec![2, 3, 5, 7], vec![1, 4, 9]]);
}

#[test]
fn random_groups_depend_on_the_seed_alone() {
    let of_seed = |seed| group_labels(&SplitMethod::Random, 3, 10, seed).unwrap();
    assert_eq!(of_seed(1), of_seed(1));
    assert!((2..10).any(|seed| of_seed(seed) != of_seed(1)));
    // No later version may silently draw other groups than those that published records name.
    assert_eq!(of_seed(1), [vec![3, 8, 5], vec![2, 7, 9], vec![6, 0, 4, 1]]);
}

#[test]
fn explicit_groups_are_taken_as_they_are() {
    let method = explicit(&[&[9, 0, 1, 2], &[], &[3, 4, 5, 6, 7, 8]]);
    let found = group_labels(&method, 3, 10, 1).unwrap();
    assert_eq!(SplitMethod::Explicit(found), method);
}

#[test]
fn explicit_groups_have_to_name_every_label_once() {
    let error = |lists: &[&[u8]]| group_labels(&explicit(lists), 2, 4, 1).unwrap_err();
    assert_eq!(error(&[&[0, 1], &[3]]), SplitError::LabelMissing { label: 2 });
    assert_eq!(error(&[&[0, 1], &[1, 2, 3]]), SplitError::LabelTwice { label: 1 });
    assert_eq!(error(&[&[0, 0, 1], &[2, 3]]), SplitError::LabelTwice { label: 0 });
    assert_eq!(error(&[&[0, 1], &[2, 3, 4]]), SplitError::LabelOutOfRange { label: 4, classes: 4 });
    assert_eq!(error(&[&[0, 1, 2, 3]]), SplitError::GroupCount { groups: 1, members: 2 });
}

#[test]
fn impossible_numbers_are_refused() {
    assert_eq!(group_labels(&SplitMethod::Regular, 0, 10, 1), Err(SplitError::NoMembers));
    assert_eq!(group_labels(&SplitMethod::Regular, 3, 0, 1), Err(SplitError::Classes { classes: 0 }));
    assert_eq!(group_labels(&SplitMethod::Regular, 3, 257, 1), Err(SplitError::Classes { classes: 257 }));
    let likewise = group_labels(&SplitMethod::Likewise, 3, 9, 1);
    assert_eq!(likewise, Err(SplitError::LikewiseNeedsDigits { classes: 9 }));
}

#[test]
fn what_is_no_method_is_named_with_what_is_one() {
    for text in
        ["", "Regular", "alike", "0.1-2.x", "0.1-256", "0..1", "dirichlet", "dirichlet-", "dirichlet-x"]
    {
        let error = text.parse::<SplitMethod>().unwrap_err();
        assert!(error.to_string().contains(&format!("`{text}`")) && error.to_string().contains("likewise"));
    }
}

#[test]
fn configurations_may_list_the_groups() {
    let method = explicit(&[&[0, 1], &[2]]);
    for text in ["[[0,1],[2]]", "\"0.1-2\""] {
        assert_eq!(serde_json::from_str::<SplitMethod>(text).unwrap(), method);
    }
    assert_eq!(serde_json::to_string(&method).unwrap(), "[[0,1],[2]]");
    assert_eq!(serde_json::from_str::<SplitMethod>("\"likewise\"").unwrap(), SplitMethod::Likewise);
    assert_eq!(serde_json::to_string(&SplitMethod::Random).unwrap(), "\"random\"");
}

#[test]
fn a_dirichlet_split_is_a_table_or_a_text_in_configurations() {
    let method = SplitMethod::dirichlet(0.5).unwrap();
    for text in ["{\"dirichlet\":0.5}", "\"dirichlet-0.5\"", "\"dirichlet-5e-1\""] {
        assert_eq!(serde_json::from_str::<SplitMethod>(text).unwrap(), method);
    }
    assert_eq!(serde_json::to_string(&method).unwrap(), "{\"dirichlet\":0.5}");
    let whole = serde_json::from_str::<SplitMethod>("{\"dirichlet\":1}").unwrap();
    assert_eq!(whole, SplitMethod::dirichlet(1.0).unwrap());
    assert_eq!(whole.to_string(), "dirichlet-1");
    let refused = [
        ("\"dirichlet-0\"", "alpha of a Dirichlet split is 0; between 0.001 and 1000000"),
        ("\"dirichlet--1\"", "is -1;"),
        ("\"dirichlet-NaN\"", "is NaN;"),
        ("{\"dirichlet\":2e6}", "is 2000000;"),
        ("{\"dirichlet\":\"much\"}", "{ dirichlet = 0.5 }"),
        ("{\"dirichlet\":1,\"alpha\":1}", "{ dirichlet = 0.5 }"),
    ];
    for (text, part) in refused {
        let error = serde_json::from_str::<SplitMethod>(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_dirichlet_split_has_no_groups() {
    let method = SplitMethod::dirichlet(0.5).unwrap();
    assert_eq!(group_labels(&method, 3, 10, 1), Err(SplitError::DirichletHasNoGroups));
}

proptest! {
    #[test]
    fn every_label_is_in_one_group_and_groups_are_of_like_size(
        method in prop_oneof![Just(SplitMethod::Regular), Just(SplitMethod::Likewise), Just(SplitMethod::Random)],
        members in 1..=25_usize,
        seed: u64,
    ) {
        let found = group_labels(&method, members, 10, seed).unwrap();
        prop_assert_eq!(found.len(), members);
        let mut labels = found.concat();
        labels.sort_unstable();
        prop_assert_eq!(labels, (0..10).collect::<Vec<u8>>());
        let sizes = found.iter().map(Vec::len);
        prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
    }

    #[test]
    fn a_method_is_read_as_it_is_written(
        lists in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..5), 1..5),
        alpha in DirichletAlpha::MIN..DirichletAlpha::MAX,
    ) {
        let methods = [
            SplitMethod::Regular,
            SplitMethod::Likewise,
            SplitMethod::Random,
            SplitMethod::Explicit(lists),
            SplitMethod::dirichlet(alpha).unwrap(),
            SplitMethod::dirichlet((1.0 / alpha).max(DirichletAlpha::MIN)).unwrap(),
        ];
        for method in methods {
            let json = serde_json::to_string(&method).unwrap();
            prop_assert_eq!(&serde_json::from_str::<SplitMethod>(&json).unwrap(), &method);
            prop_assert_eq!(method.to_string().parse(), Ok(method));
        }
    }
}
