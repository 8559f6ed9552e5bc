use std::fs;

use image::{GrayImage, ImageFormat};

use super::*;

/// Writes a grey picture of 2 x 2 pixels, all of this grey, in the format that the name ends in.
fn picture(path: &Path, grey: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if path.extension().is_some_and(|ending| ending == "png") {
        fs::write(path, crate::pictures::png_writer::grey_png(2, &[grey; 4])).unwrap();
    } else {
        let image = GrayImage::from_pixel(2, 2, image::Luma([grey]));
        image.save_with_format(path, ImageFormat::Bmp).unwrap();
    }
}

/// A folder with pictures at these paths, the first of grey 1, the second of grey 2 and so on.
fn folder(paths: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    paths.iter().zip(1..).for_each(|(path, grey)| picture(&folder.path().join(path), grey));
    folder
}

/// First pixel and label of every picture, sorted.
fn sorted((images, labels): &(ImageArray, LabelArray)) -> Vec<(u8, u8)> {
    let first = images.pixels.chunks(4).map(|image| image[0]);
    let mut pairs: Vec<_> = first.zip(labels.labels.iter().copied()).collect();
    pairs.sort_unstable();
    pairs
}

fn read_in(folder: &tempfile::TempDir) -> Result<PictureSet, DataError> {
    read(&folder.path().join("train"), &folder.path().join("test"), 0)
}

#[test]
fn folders_named_by_numbers_are_the_labels() {
    let folder =
        folder(&["train/10/a.png", "train/2/b.png", "train/2/a.bmp", "test/2/x.png", "test/7/y.png"]);
    let set = read_in(&folder).unwrap();
    assert_eq!(set.train.0.side, 2);
    assert_eq!(sorted(&set.train), [(1, 10), (2, 2), (3, 2)]);
    assert_eq!(sorted(&set.test), [(4, 2), (5, 7)]);
    assert!(set.class_names.is_none() && set.skipped.is_empty());
}

#[test]
fn other_folders_are_sorted_and_numbered() {
    let folder = folder(&["train/cat/1.png", "train/ant/1.png", "test/bee/1.png", "test/cat/1.png"]);
    let set = read_in(&folder).unwrap();
    assert_eq!(set.class_names.unwrap(), ["ant", "bee", "cat"]);
    assert_eq!(sorted(&set.train), [(1, 2), (2, 0)]);
    assert_eq!(sorted(&set.test), [(3, 1), (4, 2)]);
}

#[test]
fn numbers_that_are_no_labels_are_names() {
    for names in [["7", "07"], ["3", "256"], ["3", "x"]] {
        let set = read_in(&folder(&[
            &format!("train/{}/1.png", names[0]),
            &format!("train/{}/1.png", names[1]),
            &format!("test/{}/1.png", names[0]),
        ]));
        assert_eq!(set.unwrap().class_names.unwrap().len(), 2, "{names:?}");
    }
}

#[test]
fn pictures_deeper_inside_a_class_belong_to_it() {
    let set = read_in(&folder(&["train/0/a/b/1.png", "train/1/1.png", "test/0/1.png"])).unwrap();
    assert_eq!(sorted(&set.train), [(1, 0), (2, 1)]);
}

#[test]
fn the_first_pictures_are_of_all_classes_and_the_order_is_always_the_same() {
    let names: Vec<String> = (0..60).map(|picture| format!("train/{}/{picture}.png", picture / 20)).collect();
    let paths: Vec<&str> = names.iter().map(String::as_str).chain(["test/0/1.png"]).collect();
    let (once, again) = (read_in(&folder(&paths)).unwrap(), read_in(&folder(&paths)).unwrap());
    assert_eq!(once.train, again.train);
    let first = &once.train.1.labels[..20];
    assert!((0..3).all(|label| first.contains(&label)), "{first:?}");
}

#[test]
fn what_is_no_picture_is_left_out_and_told() {
    let folder = folder(&["train/0/2.png", "train/1/1.png", "test/0/1.png"]);
    fs::write(folder.path().join("train/0/1.png"), b"notes").unwrap();
    fs::write(folder.path().join("train/0/Thumbs.db"), b"thumbs").unwrap();
    let set = read_in(&folder).unwrap();
    assert_eq!(sorted(&set.train), [(1, 0), (2, 1)]);
    assert_eq!(set.skipped.len(), 1);
    assert!(set.skipped[0].path.ends_with("train/0/1.png"));
}

#[test]
fn folders_without_classes_or_pictures_are_refused() {
    let flat = folder(&["train/1.png", "test/1.png"]);
    let error = read_in(&flat).unwrap_err();
    assert!(matches!(error, DataError::NoClasses { .. }), "{error}");
    let empty = folder(&["train/0/1.png"]);
    fs::create_dir_all(empty.path().join("test/0")).unwrap();
    let error = read_in(&empty).unwrap_err();
    assert!(matches!(error, DataError::NoPictures { .. }), "{error}");
}

#[test]
fn a_picture_of_another_size_is_named() {
    let folder = folder(&["train/0/1.png", "train/1/1.png", "test/0/1.png"]);
    fs::write(folder.path().join("train/1/1.png"), crate::pictures::png_writer::grey_png(3, &[0; 9]))
        .unwrap();
    let error = read_in(&folder).unwrap_err().to_string();
    assert!(error.contains("train/1/1.png has 3 x 3 pixels, but 2 x 2 are needed"), "{error}");
}

#[cfg(unix)]
#[test]
fn no_link_leads_out_of_a_data_set() {
    let outside = folder(&["secret/1.png"]);
    let folder = folder(&["train/0/1.png", "train/1/1.png", "test/0/1.png"]);
    let link = |from: &str, to: &str| {
        std::os::unix::fs::symlink(outside.path().join(from), folder.path().join(to)).unwrap();
    };
    link("secret", "train/2");
    link("secret/1.png", "train/1/2.png");
    let set = read_in(&folder).unwrap();
    assert_eq!(sorted(&set.train), [(1, 0), (2, 1)]);
    assert_eq!(set.skipped.len(), 1);
}
