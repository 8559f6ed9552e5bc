use std::fs;

use super::*;
use crate::pictures::png_writer::{Header, grey_png, png};
use crate::test_files::{gzip, idx};

const FORM: PictureOptions = PictureOptions { side: 2, invert: false };

/// A folder of these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
    folder
}

/// The one file of these bytes, read.
fn read_one(bytes: &[u8]) -> Result<Pictures, PictureError> {
    let folder = folder(&[("file", bytes)]);
    read_pictures(&[folder.path().join("file")], FORM)
}

/// Names without the folder.
fn names_in<'a>(pictures: &'a Pictures, folder: &tempfile::TempDir) -> Vec<&'a str> {
    let prefix = format!("{}/", folder.path().display());
    pictures.names().iter().map(|name| name.strip_prefix(&prefix).unwrap()).collect()
}

#[test]
fn images_come_in_the_order_named_and_say_where_from() {
    let two = idx(&[2, 2, 2], &[1, 2, 3, 4, 5, 6, 7, 8]);
    let folder = folder(&[("b.png", &grey_png(2, &[9; 4])), ("a-ubyte.gz", &gzip(&two))]);
    let inputs = [folder.path().join("b.png"), folder.path().join("a-ubyte.gz")];
    let pictures = read_pictures(&inputs, FORM).unwrap();
    assert_eq!(names_in(&pictures, &folder), ["b.png", "a-ubyte.gz#0", "a-ubyte.gz#1"]);
    assert_eq!(pictures.pixels(), [9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!((pictures.len(), pictures.side(), pictures.image(2)), (3, 2, [5, 6, 7, 8].as_slice()));
    assert_eq!(pictures.iter().len(), 3);
}

#[test]
fn the_content_tells_what_a_file_is_not_its_name() {
    let folder = folder(&[("a.png", &idx(&[1, 2, 2], &[1; 4])), ("b.txt", &grey_png(2, &[2; 4]))]);
    let pictures = read_pictures(&[folder.path().join("a.png"), folder.path().join("b.txt")], FORM).unwrap();
    assert_eq!(names_in(&pictures, &folder), ["a.png#0", "b.txt"]);
}

#[test]
fn dark_ink_on_light_paper_is_inverted() {
    let folder = folder(&[
        ("a.png", &grey_png(2, &[0, 1, 254, 255])),
        ("b.png", &png(Header::new(4, 8, 2, 2), &[], &[&[200, 0, 200, 255], &[0, 0, 0, 255]])),
        ("c.idx", &idx(&[1, 2, 2], &[10, 20, 30, 40])),
    ]);
    let pictures = read_pictures(&[folder.path()], PictureOptions { invert: true, ..FORM }).unwrap();
    assert_eq!(pictures.pixels(), [255, 254, 1, 0, 0, 55, 0, 255, 245, 235, 225, 215]);
}

#[test]
fn a_folder_is_read_in_the_byte_order_of_its_names_and_nothing_else_in_it() {
    let image = grey_png(2, &[0; 4]);
    let folder = folder(&[
        ("9.png", &image),
        ("10.PNG", &image),
        ("t10k-images-idx3-ubyte", &idx(&[2, 2, 2], &[0; 8])),
        ("t10k-labels-idx1-ubyte", &idx(&[2], &[0; 2])),
        ("t10k-labels-idx1-ubyte.gz", &gzip(&idx(&[2], &[0; 2]))),
        ("more.idx", &idx(&[1, 2, 2], &[0; 4])),
        ("notes.txt", b"see 9.png"),
        ("hidden-image", &image),
    ]);
    fs::create_dir(folder.path().join("sub.png")).unwrap();
    fs::write(folder.path().join("sub.png/1.png"), &image).unwrap();
    let pictures = read_pictures(&[folder.path()], FORM).unwrap();
    let expected = ["10.PNG", "9.png", "more.idx#0", "sub.png/1.png", "t10k-images-idx3-ubyte#0"];
    let expected = [&expected[..], &["t10k-images-idx3-ubyte#1"]].concat();
    assert_eq!(names_in(&pictures, &folder), expected);
    assert!(pictures.skipped().is_empty());
}

#[test]
fn of_a_plain_and_a_compressed_file_in_a_folder_the_plain_one_is_read() {
    let images = idx(&[1, 2, 2], &[0; 4]);
    let folder =
        folder(&[("a-ubyte", &images), ("a-ubyte.gz", &gzip(&images)), ("b.idx.gz", &gzip(&images))]);
    let pictures = read_pictures(&[folder.path()], FORM).unwrap();
    assert_eq!(names_in(&pictures, &folder), ["a-ubyte#0", "b.idx.gz#0"]);
}

#[test]
fn what_is_only_called_like_an_image_is_passed_over_in_a_folder_and_told() {
    let image = grey_png(2, &[0; 4]);
    let folder = folder(&[("1.png", &image), ("2.png", b"GIF89a"), ("3.gz", &gzip(b"notes"))]);
    let pictures = read_pictures(&[folder.path()], FORM).unwrap();
    assert_eq!(names_in(&pictures, &folder), ["1.png"]);
    let no_image = |name| SkippedFile { path: folder.path().join(name), reason: SkipReason::NoImage };
    assert_eq!(pictures.skipped(), [no_image("2.png"), no_image("3.gz")]);
}

#[test]
fn a_damaged_file_in_a_folder_is_named() {
    let image = grey_png(2, &[0; 4]);
    let folder = folder(&[("1.png", &image), ("2.png", &image[..40])]);
    let error = read_pictures(&[folder.path()], FORM).unwrap_err();
    assert!(error.to_string().contains("/2.png is a damaged PNG file"), "{error}");
}

#[test]
fn a_folder_without_images_names_what_it_holds() {
    let labels = idx(&[1], &[0]);
    let files: [(&str, &[u8]); 6] =
        [("a.txt", b""), ("b", b""), ("c", b""), ("d", b""), ("e.png", b"no"), ("f-ubyte", &labels)];
    let full = folder(&files);
    let error = read_pictures(&[full.path()], FORM).unwrap_err().to_string();
    assert!(error.ends_with("it holds a.txt, b, c, d, e.png and 1 more"), "{error}");
    let empty = folder(&[]);
    let error = read_pictures(&[empty.path()], FORM).unwrap_err().to_string();
    assert!(error.ends_with("in folders inside as well; it is empty"), "{error}");
}

#[test]
fn what_is_missing_is_named() {
    let error = read_pictures(&["no/such/7.png"], FORM).unwrap_err();
    assert_eq!(error.to_string(), "there is no file and no folder no/such/7.png");
    let error = read_pictures::<&str>(&[], FORM).unwrap_err();
    assert!(matches!(error, PictureError::NoInput), "{error}");
}

#[test]
fn images_of_another_size_are_refused_with_both_sizes() {
    let wide = png(Header::new(0, 8, 3, 2), &[], &[&[0; 3], &[0; 3]]);
    let error = read_one(&wide).unwrap_err().to_string();
    assert!(
        error.ends_with("/file has 3 x 2 pixels, but 2 x 2 are needed; images are not resized"),
        "{error}"
    );
    let error = read_one(&idx(&[1, 5, 4], &[0; 20])).unwrap_err().to_string();
    assert!(
        error.ends_with("/file has 4 x 5 pixels, but 2 x 2 are needed; images are not resized"),
        "{error}"
    );
    let error = read_one(&grey_png(3, &[0; 9])).unwrap_err();
    assert!(matches!(error, PictureError::WrongSize { width: 3, height: 3, side: 2, .. }), "{error}");
}

#[test]
fn labels_are_not_taken_for_images() {
    let error = read_one(&gzip(&idx(&[4], &[1; 4]))).unwrap_err();
    assert!(matches!(error, PictureError::Labels { .. }), "{error}");
}

#[test]
fn a_file_of_another_kind_is_named_with_its_first_bytes() {
    let error = read_one(b"GIF89a\x1c\x00\x1c").unwrap_err().to_string();
    assert!(error.contains("/file begins with 47 49 46 38 39 61 1c 00; a PNG file (89 50"), "{error}");
    let error = read_one(b"").unwrap_err().to_string();
    assert!(error.contains("/file is empty; a PNG file"), "{error}");
}

#[test]
fn an_image_named_twice_is_refused() {
    let folder = folder(&[("1.png", &grey_png(2, &[0; 4]))]);
    let error = read_pictures(&[folder.path().to_owned(), folder.path().join("1.png")], FORM).unwrap_err();
    let PictureError::SameName { name } = error else { panic!("{error}") };
    assert!(name.ends_with("/1.png"));
}

#[test]
fn folders_inside_a_folder_are_read() {
    let image = grey_png(2, &[0; 4]);
    let folder = folder(&[("0.png", &image)]);
    fs::create_dir_all(folder.path().join("testing/7/more")).unwrap();
    for name in ["testing/7/1.png", "testing/7/more/2.png", "testing/3.png"] {
        fs::write(folder.path().join(name), &image).unwrap();
    }
    let pictures = read_pictures(&[folder.path()], FORM).unwrap();
    assert_eq!(
        names_in(&pictures, &folder),
        ["0.png", "testing/3.png", "testing/7/1.png", "testing/7/more/2.png"]
    );
}

#[test]
fn folders_too_deep_are_passed_over() {
    let folder = folder(&[("0.png", &grey_png(2, &[0; 4]))]);
    let deep = folder.path().join("1/2/3/4/5/6/7/8");
    fs::create_dir_all(deep.join("9")).unwrap();
    fs::write(deep.join("8.png"), grey_png(2, &[0; 4])).unwrap();
    fs::write(deep.join("9/9.png"), grey_png(2, &[0; 4])).unwrap();
    let pictures = read_pictures(&[folder.path()], FORM).unwrap();
    assert_eq!(names_in(&pictures, &folder), ["0.png", "1/2/3/4/5/6/7/8/8.png"]);
    assert_eq!(pictures.skipped(), [SkippedFile { path: deep.join("9"), reason: SkipReason::TooDeep }]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_within_the_folder_alone() {
    use std::os::unix::fs::symlink;
    let outside = folder(&[("secret.png", &grey_png(2, &[0; 4]))]);
    let folder = folder(&[("0.png", &grey_png(2, &[0; 4]))]);
    symlink(folder.path().join("0.png"), folder.path().join("1.png")).unwrap();
    symlink(outside.path().join("secret.png"), folder.path().join("2.png")).unwrap();
    symlink(outside.path(), folder.path().join("3")).unwrap();
    symlink(folder.path(), folder.path().join("4")).unwrap();
    let pictures = read_pictures(&[folder.path()], FORM).unwrap();
    assert_eq!(names_in(&pictures, &folder), ["0.png", "1.png"]);
    let link = |name| SkippedFile { path: folder.path().join(name), reason: SkipReason::Link };
    assert_eq!(pictures.skipped(), [link("2.png"), link("3"), link("4")]);
}

#[test]
fn a_picture_of_black_ink_on_nothing_is_drawn_in_its_alpha_channel() {
    let canvas = png(Header::new(4, 8, 2, 2), &[], &[&[0, 0, 0, 255], &[0, 255, 0, 0]]);
    let folder = folder(&[("0.png", &grey_png(2, &[0, 9, 0, 0])), ("1.png", &canvas)]);
    let pictures = read_pictures(&[folder.path()], FORM).unwrap();
    assert_eq!((pictures.drawn_in_alpha(), &pictures.inspect().blank[..]), (&[1][..], &[1][..]));
    // Inverted, its ink can be seen.
    let pictures = read_pictures(&[folder.path()], PictureOptions { invert: true, ..FORM }).unwrap();
    assert_eq!((pictures.image(1), pictures.inspect().blank.len()), (&[0, 255, 255, 0][..], 0));
}
