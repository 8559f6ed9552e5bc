use std::f64::consts::PI;

use sottovoce_evaluate::records::{AccuracyRow, Domain};
use sottovoce_report::{Caption, ChartError, PNG_SCALE, PaperScope, SplitAccuracyError, accuracy_chart};

use super::records::sweep;

fn caption(synthetic: bool) -> Caption {
    Caption { title: "Figure 5. A title".to_owned(), dataset: "MNIST".to_owned(), synthetic }
}

fn svg(rows: &[AccuracyRow], split: &str) -> String {
    accuracy_chart(rows, split, &caption(false), &PaperScope::full()).unwrap().svg().unwrap()
}

/// The texts of an SVG file, in order.
fn texts(svg: &str) -> Vec<String> {
    let starts = svg.split("<text ").skip(1);
    starts
        .map(|rest| rest[rest.find('>').unwrap() + 1..rest.find("</text>").unwrap()].trim().to_owned())
        .collect()
}

/// The value of an attribute in the markup of one element.
fn attribute<'a>(element: &'a str, name: &str) -> &'a str {
    let start = element.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
    &element[start..start + element[start..].find('"').unwrap()]
}

/// Colour and corners of each polygon, which are markers one and all.
fn markers(svg: &str) -> Vec<(String, Vec<(f64, f64)>)> {
    let corners = |points: &str| {
        let corner = |pair: &str| {
            let (x, y) = pair.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        };
        points.split_whitespace().map(corner).collect()
    };
    svg.split("<polygon")
        .skip(1)
        .map(|e| (attribute(e, "fill").to_owned(), corners(attribute(e, "points"))))
        .collect()
}

#[test]
fn every_setting_is_labelled_with_its_number_and_shares() {
    let texts = texts(&svg(&sweep("regular", 6, 3, 1), "regular"));
    for label in ["1", "6", "50–60 %", "60–70 %", "70–80 %", "80–90 %", "90–95 %", "95–99 %"] {
        assert!(texts.iter().any(|text| text == label), "no {label} among {texts:?}");
    }
}

#[test]
fn the_ensemble_of_every_setting_is_printed_beside_the_papers() {
    let texts = texts(&svg(&sweep("likewise", 6, 3, 1), "likewise"));
    for value in ["98.61", "98.11", "97.47", "97.56", "97.03", "96.76", "96.14", "96.69"] {
        assert!(texts.iter().any(|text| text == value), "no {value} among {texts:?}");
    }
}

#[test]
fn every_marker_is_inside_the_plot_whatever_the_accuracies() {
    for (members, lowest) in [(3, 0.95), (3, 0.4), (3, 0.0), (12, 1.0), (2, 0.6999)] {
        let mut rows = sweep("regular", 6, members, 1);
        for row in rows.iter_mut().filter(|row| row.voter == "member-2") {
            row.accuracy = lowest;
        }
        let svg = svg(&rows, "regular");
        // The long grey lines are the grid; it starts and ends where the markers have to.
        let lines: Vec<&str> = svg.split("<line").skip(1).collect();
        let grid: Vec<&&str> = lines.iter().filter(|line| attribute(line, "stroke") == "#DDDDDD").collect();
        let edge =
            |name: &'static str| grid.iter().map(move |line| attribute(line, name).parse::<f64>().unwrap());
        let (left, right) = (edge("x1").fold(f64::MAX, f64::min), edge("x2").fold(0.0, f64::max));
        let (top, bottom) = (edge("y1").fold(f64::MAX, f64::min), edge("y1").fold(0.0, f64::max));
        // Markers of the legend are above the plot.
        let legend_end = top - 150.0;
        let in_plot: Vec<_> =
            markers(&svg).into_iter().filter(|(_, corners)| corners[0].1 > legend_end).collect();
        let expected = 6 * (members + 1) * if members == 3 { 4 } else { 2 };
        assert_eq!(in_plot.len(), expected, "{members} members");
        for (_, corners) in in_plot {
            for (x, y) in corners {
                // Half a marker may stand over the first and the last gridline, and no more.
                assert!((left..=right).contains(&x), "{x} is not within {left}..{right}");
                assert!((top - 90.0..=bottom + 90.0).contains(&y), "{y} is not within {top}..{bottom}");
            }
        }
    }
}

#[test]
fn a_marker_is_drawn_at_its_accuracy() {
    let mut rows = sweep("explicit", 1, 2, 1);
    for row in rows.iter_mut().filter(|row| row.voter == "ensemble") {
        row.accuracy = 0.85;
    }
    let svg = svg(&rows, "explicit");
    let grid_y = |label: &str| {
        let text = svg.split("<text ").find(|text| text.contains(&format!(">\n{label}\n"))).unwrap();
        attribute(&format!(" {text}"), "y").parse::<f64>().unwrap()
    };
    let middle = (grid_y("100") + grid_y("70")) / 2.0;
    let (_, circle) = markers(&svg).pop().unwrap();
    let centre = circle.iter().map(|(_, y)| y).sum::<f64>() / circle.len() as f64;
    // A label's baseline is 4.2 units (of ten) below the value that it names.
    assert!((centre - (middle - 42.0)).abs() < 2.0, "{centre} is not at 85 % ({middle})");
}

#[test]
fn the_subtitle_counts_images_once_and_adds_up_mismatches() {
    let mut rows = sweep("regular", 6, 3, 1);
    let whole = |rows: &[AccuracyRow]| texts(&svg(rows, "regular")).join(" ");
    assert!(
        whole(&rows)
            .contains("10,000 test images per setting. 60,000 images classified under encryption; 0 logits")
    );
    let encrypted: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].domain == Domain::Encrypted).collect();
    rows[encrypted[0]].mismatches = Some(3);
    rows[encrypted[23]].mismatches = Some(1_200);
    assert!(whole(&rows).contains("1,203 logits differ from the integer oracle"));
    rows.iter_mut().for_each(|row| row.mismatches = None);
    assert!(whole(&rows).contains("not compared with the integer oracle"));
}

#[test]
fn several_seeds_are_named_with_their_range() {
    let texts = texts(&svg(&sweep("regular", 2, 3, 5), "regular")).join(" ");
    assert!(texts.contains("mean and range of 5 seeds"), "{texts}");
    assert!(texts.contains("100,000 images classified"), "{texts}");
}

#[test]
fn the_paper_is_mentioned_only_where_its_values_are_comparable() {
    let mentions = |split, members| svg(&sweep(split, 6, members, 1), split).to_lowercase().contains("paper");
    assert!(mentions("random", 3));
    assert!(!mentions("random", 4));
    assert!(!mentions("random", 2));
    assert!(!mentions("explicit", 3));
}

#[test]
fn synthetic_data_is_called_so_in_capitals() {
    let rows = sweep("regular", 1, 3, 1);
    let drawn = |synthetic| {
        accuracy_chart(&rows, "regular", &caption(synthetic), &PaperScope::full()).unwrap().svg().unwrap()
    };
    assert!(texts(&drawn(true)).iter().any(|text| text.starts_with("SYNTHETIC DATA")));
    assert!(!drawn(false).contains("SYNTHETIC"));
}

#[test]
fn a_voter_without_encrypted_evaluation_is_refused_by_name() {
    let mut rows = sweep("regular", 6, 3, 1);
    rows.retain(|row| !(row.setting == 4 && row.voter == "member-2" && row.domain == Domain::Encrypted));
    let error = accuracy_chart(&rows, "regular", &caption(false), &PaperScope::full()).unwrap_err();
    assert!(matches!(error, ChartError::Rows(SplitAccuracyError::NotEncrypted { setting: 4, seed: 1, .. })));
    let message = error.to_string();
    assert!(message.contains("Member 2 of setting 4") && message.contains("domain `encrypted`"), "{message}");
}

#[test]
fn a_split_without_rows_and_an_impossible_accuracy_are_refused() {
    let mut rows = sweep("regular", 1, 3, 1);
    let refusal = |rows: &[AccuracyRow], split| {
        accuracy_chart(rows, split, &caption(false), &PaperScope::full()).unwrap_err().to_string()
    };
    assert!(refusal(&rows, "random").contains("`random`"));
    for accuracy in [98.7, -0.1, f64::NAN] {
        rows.iter_mut().for_each(|row| row.accuracy = accuracy);
        assert!(refusal(&rows, "regular").contains("not between 0 and 1"), "{accuracy}");
    }
}

#[test]
fn text_names_a_generic_font_for_viewers_without_ours() {
    let svg = svg(&sweep("regular", 1, 3, 1), "regular");
    assert!(
        svg.split("<text ")
            .skip(1)
            .all(|text| attribute(&format!(" {text}"), "font-family").ends_with(", sans-serif"))
    );
}

#[test]
fn the_png_is_a_scaled_picture_of_the_svg() {
    let figure =
        accuracy_chart(&sweep("regular", 2, 3, 1), "regular", &caption(false), &PaperScope::full()).unwrap();
    let svg = figure.svg().unwrap();
    let (width, height): (u32, u32) =
        (attribute(&svg, "width").parse().unwrap(), attribute(&svg, "height").parse().unwrap());
    let png = figure.png().unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    assert_eq!((reader.info().width, reader.info().height), (width * PNG_SCALE, height * PNG_SCALE));
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    // White paper, and the ensemble's ink: its points alone are many dark pixels.
    assert_eq!(pixels[..3], [255, 255, 255]);
    let dark = pixels.chunks_exact(3).filter(|rgb| **rgb == [0x11, 0x11, 0x11]).count();
    let points = 2.0 * PI * (5.0 * f64::from(PNG_SCALE)).powi(2);
    assert!(dark as f64 > points, "{dark} dark pixels");
}
