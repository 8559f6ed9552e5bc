//! Charts over the axes of a sweep.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sottovoce_report::{ChartKind, ChartQuery, Format, Rendering, SweepChart, SweepRecords, write_report};
use tempfile::TempDir;

use super::sample_sweep::samples;

/// A folder with the sample of that name.
fn sample(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    samples().iter().find(|sample| sample.name == name).unwrap().write(folder.path());
    folder
}

fn chart(folder: &Path, query: &ChartQuery) -> Result<SweepChart, String> {
    let records = SweepRecords::read(folder).map_err(|error| error.to_string())?;
    SweepChart::new(&records, query).map_err(|error| error.to_string())
}

fn line(x: &str, y: &str) -> ChartQuery {
    ChartQuery::new(x, y)
}

fn with_series(query: ChartQuery, series: &str) -> ChartQuery {
    ChartQuery { series: Some(series.to_owned()), ..query }
}

fn restricted(query: ChartQuery, axis: &str, value: &str) -> ChartQuery {
    ChartQuery { fixed: vec![(axis.to_owned(), value.to_owned())], ..query }
}

fn marks(numbers: &Value, panel: usize, series: usize) -> &Vec<Value> {
    numbers["panels"][panel]["series"][series]["marks"].as_array().unwrap()
}

/// A table with one axis `a.b`, the accuracies of the ensemble under encryption by value and seed, and nothing else.
fn small_table(rows: &[(&str, u64, f64)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "point,a.b,seed,voter,domain,images,correct,accuracy,mismatches\n".to_owned();
    for (value, seed, accuracy) in rows {
        table +=
            &format!("b={value},{value},{seed},ensemble,encrypted,1000,{},{accuracy},0\n", accuracy * 1000.0);
    }
    fs::write(folder.path().join("table.csv"), table).unwrap();
    folder
}

#[test]
fn a_mark_is_the_mean_over_seeds_with_its_interval() {
    let folder = small_table(&[("1", 1, 0.987), ("1", 2, 0.988), ("1", 3, 0.989), ("2", 1, 0.990)]);
    let numbers = chart(folder.path(), &line("b", "accuracy")).unwrap().numbers();
    let marks = marks(&numbers, 0, 0);
    assert_eq!(numbers["y"]["unit"], "%");
    assert!((marks[0]["mean"].as_f64().unwrap() - 98.8).abs() < 1e-9);
    // 4.3027 x 0.1 / sqrt(3), by the printed table of Student's t.
    assert!((marks[0]["high"].as_f64().unwrap() - 99.048_4).abs() < 1e-3, "{numbers}");
    assert_eq!(marks[0]["n"], 3);
    assert_eq!((&marks[1]["n"], &marks[1]["low"]), (&Value::from(1), &Value::Null));
}

#[test]
fn error_is_one_minus_accuracy() {
    let folder = small_table(&[("1", 1, 0.98), ("2", 1, 0.99)]);
    let numbers = chart(folder.path(), &line("b", "error")).unwrap().numbers();
    assert!((marks(&numbers, 0, 0)[0]["mean"].as_f64().unwrap() - 2.0).abs() < 1e-9);
}

#[test]
fn numbers_ascend_and_words_keep_the_order_of_the_sweep() {
    let numeric = small_table(&[("10", 1, 0.9), ("9", 1, 0.8), ("0.5", 1, 0.7)]);
    let numbers = chart(numeric.path(), &line("b", "accuracy")).unwrap().numbers();
    let xs: Vec<f64> = marks(&numbers, 0, 0).iter().map(|mark| mark["x"].as_f64().unwrap()).collect();
    assert_eq!(xs, [0.5, 9.0, 10.0]);
    let words = small_table(&[("regular", 1, 0.9), ("likewise", 1, 0.8), ("3-3-7", 1, 0.7)]);
    let numbers = chart(words.path(), &line("b", "accuracy")).unwrap().numbers();
    let xs: Vec<&str> = marks(&numbers, 0, 0).iter().map(|mark| mark["x"].as_str().unwrap()).collect();
    assert_eq!(xs, ["regular", "likewise", "3-3-7"]);
}

#[test]
fn an_axis_without_a_place_is_an_error_that_lists_it_and_the_ways_out() {
    let folder = sample("pixels");
    let error = chart(folder.path(), &line("logit_bits", "accuracy")).unwrap_err();
    for word in [
        "training.pixel_levels (2, 3, 4, 16) varies",
        "--series",
        "--facet",
        "--where training.pixel_levels=2",
        "--average",
    ] {
        assert!(error.contains(word), "{word} is not in: {error}");
    }
}

#[test]
fn a_where_takes_a_value_however_it_is_written() {
    let folder = sample("dirichlet");
    let query = restricted(line("averaging", "accuracy"), "dirichlet", "0.10");
    let caption = chart(folder.path(), &query).unwrap().caption();
    assert!(caption.contains("Only ensemble.split.dirichlet = 0.1."), "{caption}");
    let error =
        chart(folder.path(), &restricted(line("averaging", "accuracy"), "dirichlet", "7")).unwrap_err();
    assert!(
        error.contains("no row has ensemble.split.dirichlet = 7") && error.contains("0.01, 0.03"),
        "{error}"
    );
}

#[test]
fn averages_are_over_combinations_that_every_mark_has_and_the_rest_is_told() {
    let folder = sample("pixels");
    // Two of four levels have no records with 22 bits.
    let query = ChartQuery { average: true, ..line("logit_bits", "accuracy") };
    let chart = chart(folder.path(), &query).unwrap();
    let remarks = chart.remarks().join(" ");
    assert!(remarks.contains("Averages are over 2 of 4 combinations of training.pixel_levels"), "{remarks}");
    assert!(
        chart.caption().contains("For each seed, the mean over training.pixel_levels"),
        "{}",
        chart.caption()
    );
    assert_eq!(marks(&chart.numbers(), 0, 0)[0]["n"], 3);
}

#[test]
fn failed_points_are_named_with_their_reason() {
    let folder = sample("pixels");
    let chart = chart(folder.path(), &with_series(line("logit_bits", "accuracy"), "pixel_levels")).unwrap();
    let remarks = chart.remarks().join(" ");
    assert!(
        remarks.contains("2 points failed: pixel_levels=16,logit_bits=22; pixel_levels=4,logit_bits=22"),
        "{remarks}"
    );
    assert!(remarks.contains("training diverged"), "{remarks}");
    let (svg, _) = chart.render(&Rendering::default(), None).unwrap();
    assert!(String::from_utf8(svg).unwrap().contains("2 points failed"));
}

#[test]
fn axes_that_vary_together_need_one_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "point,t.clip,t.penalty,seed,voter,domain,accuracy\n".to_owned();
    for (clip, penalty) in [("0.5", "0.1"), ("1", "0.2"), ("2", "0.3")] {
        table += &format!("clip={clip},{clip},{penalty},1,ensemble,encrypted,0.98\n");
    }
    fs::write(folder.path().join("table.csv"), table).unwrap();
    assert!(chart(folder.path(), &line("clip", "accuracy")).is_ok());
}

#[test]
fn wrong_names_are_refused_with_the_nearest_and_the_list() {
    let folder = sample("pixels");
    let error = chart(folder.path(), &line("logit_bit", "accuracy")).unwrap_err();
    assert!(
        error.contains("did you mean `logit_bits`?") && error.contains("training.pixel_levels"),
        "{error}"
    );
    let error = chart(folder.path(), &line("logit_bits", "acuracy")).unwrap_err();
    assert!(error.contains("did you mean `accuracy`?") && error.contains("provider_seconds"), "{error}");
    let error = chart(folder.path(), &line("logit_bits", "pixel_levels")).unwrap_err();
    assert!(error.contains("an axis of the sweep is not measured"), "{error}");
    let error = chart(folder.path(), &with_series(line("logit_bits", "accuracy"), "logit_bits")).unwrap_err();
    assert!(error.contains("--x and --series both name training.logit_bits"), "{error}");
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let one = small_table(&[("1", 1, 0.9), ("1", 2, 0.91)]);
    let error = chart(one.path(), &line("b", "accuracy")).unwrap_err();
    assert!(error.contains("needs two values of b") && error.contains("have one (1)"), "{error}");
    let nan = small_table(&[("1", 1, f64::NAN), ("2", 1, f64::NAN)]);
    let error = chart(nan.path(), &line("b", "accuracy")).unwrap_err();
    assert!(error.contains("2 of 2 matching rows has no number in accuracy"), "{error}");
    let words = small_table(&[("low", 1, 0.9), ("high", 1, 0.91)]);
    let error = chart(words.path(), &ChartQuery { log_x: true, ..line("b", "accuracy") }).unwrap_err();
    assert!(error.contains("--log-x needs numbers") && error.contains("low, high"), "{error}");
    let error =
        chart(words.path(), &ChartQuery { domain: Some("float".to_owned()), ..line("b", "accuracy") });
    assert!(error.unwrap_err().contains("no row has domain = float; the values of domain are encrypted"));
}

#[test]
fn broken_tables_are_refused_with_file_and_line() {
    let folder = small_table(&[("1", 1, 0.9)]);
    let path = folder.path().join("table.csv");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, words) in [
        ("0.9,0", "ninety,0", "line 2: `ninety` in column `accuracy` is not a number"),
        ("ensemble", "everyone", "line 2: `everyone` is not a voter"),
        ("encrypted", "secret", "line 2: `secret` in column `domain` is not float"),
        ("accuracy", "acuracy", "line 1: there is no column `accuracy`"),
        ("images", "a.b", "line 1: the column `a.b` appears twice"),
    ] {
        fs::write(&path, text.replace(from, to)).unwrap();
        let error = SweepRecords::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("table.csv") && error.contains(words), "{words} is not in: {error}");
    }
    let error = SweepRecords::read(Path::new("nowhere")).unwrap_err().to_string();
    assert!(error.contains("neither table.csv nor accuracy.csv"), "{error}");
}

#[test]
fn synthetic_data_is_called_so_even_without_a_title() {
    let folder = sample("three-axes");
    let query = ChartQuery { average: true, ..line("members", "accuracy") };
    let chart = chart(folder.path(), &query).unwrap();
    let (svg, _) = chart.render(&Rendering { title: false, ..Rendering::default() }, None).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    let drawn = &svg[svg.find("</title>").unwrap()..];
    assert!(drawn.contains("SYNTHETIC DATA"));
    assert!(!drawn.contains("Ensemble: means"), "the subtitle is drawn");
}

#[test]
fn lines_show_legend_intervals_and_every_value_of_the_axis() {
    let folder = sample("pixels");
    let chart = chart(folder.path(), &with_series(line("logit_bits", "accuracy"), "pixel_levels")).unwrap();
    let (svg, _) = chart.render(&Rendering::default(), None).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    for text in [
        "pixel_levels:",
        ">\n22\n",
        ">\n30\n",
        ">\n16\n",
        "mean, 95 % interval, n = 3",
        "training.logit_bits",
        "Test accuracy under encryption, %",
    ] {
        assert!(svg.contains(text), "{text:?} is not in the chart");
    }
}

#[test]
fn a_heat_map_has_a_number_in_every_cell_and_a_dash_where_there_are_no_records() {
    let folder = sample("pixels");
    let query =
        ChartQuery { kind: ChartKind::Heat, ..with_series(line("logit_bits", "accuracy"), "pixel_levels") };
    let chart = chart(folder.path(), &query).unwrap();
    let numbers = chart.numbers();
    let cells: usize = (0..4).map(|row| marks(&numbers, 0, row).len()).sum();
    assert_eq!(cells, 18);
    let (svg, _) = chart.render(&Rendering::default(), None).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    assert_eq!(svg.matches(">\n–\n").count(), 2);
    let first = format!(">\n{:.2}\n", marks(&numbers, 0, 0)[0]["mean"].as_f64().unwrap());
    assert!(svg.contains(&first), "{first}");
}

#[test]
fn a_frontier_marks_the_points_that_nothing_beats_at_their_cost() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "point,a.b,seed,voter,domain,accuracy,provider_seconds\n".to_owned();
    for (value, accuracy, seconds) in
        [(1, 0.90, 1.0), (2, 0.95, 2.0), (3, 0.94, 3.0), (4, 0.95, 4.0), (5, 0.97, 5.0)]
    {
        table += &format!("b={value},{value},1,ensemble,encrypted,{accuracy},{seconds}\n");
    }
    fs::write(folder.path().join("table.csv"), table).unwrap();
    let query = ChartQuery { kind: ChartKind::Frontier, ..line("provider_seconds", "accuracy") };
    let chart = chart(folder.path(), &query).unwrap();
    let numbers = chart.numbers();
    let best: Vec<&str> = marks(&numbers, 0, 0)
        .iter()
        .filter(|mark| mark["best"] == true)
        .map(|mark| mark["point"].as_str().unwrap())
        .collect();
    assert_eq!(best, ["b=1", "b=2", "b=5"]);
    assert!(chart.caption().contains("Test images were used to measure, not to choose."));
}

#[test]
fn a_run_of_reproduce_is_charted_over_its_shares() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows =
        "split,setting,share_low,share_high,seed,voter,images,correct,accuracy,domain,mismatches\n"
            .to_owned();
    for (setting, low, high) in [(1, 0.5, 0.6), (2, 0.8, 0.8)] {
        rows += &format!("regular,{setting},{low},{high},1,ensemble,100,98,0.98,encrypted,0\n");
    }
    fs::write(folder.path().join("accuracy.csv"), rows).unwrap();
    let numbers = chart(folder.path(), &line("share", "accuracy")).unwrap().numbers();
    let xs: Vec<&str> = marks(&numbers, 0, 0).iter().map(|mark| mark["x"].as_str().unwrap()).collect();
    assert_eq!(xs, ["0.5-0.6", "0.8"]);
}

#[test]
fn a_width_and_font_size_are_the_finished_charts() {
    let folder = sample("members");
    let chart = chart(folder.path(), &line("members", "accuracy")).unwrap();
    let rendering = Rendering {
        width: Some("84mm".parse().unwrap()),
        font_size: "8pt".parse().unwrap(),
        title: false,
        ..Rendering::default()
    };
    let (svg, remark) = chart.render(&rendering, Some("60mm".parse().unwrap())).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    assert!(svg.starts_with("<svg width=\"84mm\" height=\"") && remark.is_none(), "{}", &svg[..120]);
    let height: f64 = svg.split("height=\"").nth(1).unwrap().split("mm").next().unwrap().parse().unwrap();
    assert!((height - 60.0).abs() < 0.5, "{height}");
    let (_, remark) = chart.render(&rendering, Some("27mm".parse().unwrap())).unwrap();
    assert!(remark.unwrap().contains("high instead of 27mm"));
}

#[test]
fn a_png_for_print_says_its_size_and_a_pdf_has_one_page_of_it() {
    let folder = sample("members");
    let chart = chart(folder.path(), &line("members", "accuracy")).unwrap();
    let rendering =
        |format| Rendering { format, width: Some("84mm".parse().unwrap()), ..Rendering::default() };
    let (png, _) = chart.render(&rendering(Format::Png), None).unwrap();
    // 84 mm at 300 pixels to the inch.
    assert_eq!(u32::from_be_bytes(png[16..20].try_into().unwrap()), 992);
    assert!(png.windows(4).any(|bytes| bytes == b"pHYs"));
    let (pdf, _) = chart.render(&rendering(Format::Pdf), None).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    let text = String::from_utf8_lossy(&pdf);
    // 84 mm are 238.11 points.
    assert!(
        text.contains("/MediaBox [0 0 238.11"),
        "{}",
        text.lines().filter(|line| line.contains("MediaBox")).collect::<String>()
    );
    assert!(text.contains("Inter"), "the font is not embedded");
    assert!(!text.contains("CreationDate"), "a date differs from run to run");
}

#[test]
fn a_pdf_opens_where_a_reader_is_installed() {
    let folder = sample("pixels");
    let query = with_series(line("logit_bits", "accuracy"), "pixel_levels");
    let (pdf, _) = chart(folder.path(), &query)
        .unwrap()
        .render(&Rendering { format: Format::Pdf, ..Rendering::default() }, None)
        .unwrap();
    let path = folder.path().join("chart.pdf");
    fs::write(&path, pdf).unwrap();
    let Ok(output) = std::process::Command::new("pdftotext").arg(&path).arg("-").output() else { return };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("training.logit_bits"), "{text}");
}

#[test]
fn the_report_of_a_sweep_has_its_charts_tables_and_page() {
    let folder = sample("pixels");
    let written = write_report(folder.path()).unwrap();
    let names: Vec<_> = written.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    let charts = [
        "accuracy-by-pixel_levels-and-logit_bits",
        "accuracy-by-logit_bits-and-pixel_levels",
        "accuracy-heat-logit_bits-and-pixel_levels",
        "accuracy-frontier-plaintext_bits",
        "accuracy-frontier-provider_seconds",
    ];
    for chart in charts {
        for ending in ["svg", "png"] {
            assert!(
                names.contains(&format!("{chart}.{ending}").as_str()),
                "{chart}.{ending} is not in {names:?}"
            );
        }
    }
    for file in ["table.md", "table.tex", "report.html"] {
        assert!(names.contains(&file), "{names:?}");
    }
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 5);
    for text in [
        "pixels: a sweep on MNIST",
        "points that failed",
        "training diverged",
        "a processor",
        "Points of the sweep",
    ] {
        assert!(page.contains(text), "{text} is not on the page");
    }
    let tex = fs::read_to_string(folder.path().join("table.tex")).unwrap();
    assert!(tex.contains("\\toprule") && tex.contains("training.logit\\_bits"), "{tex}");
}

#[test]
fn the_page_of_a_sweep_needs_nothing_but_itself() {
    let folder = sample("three-axes");
    write_report(folder.path()).unwrap();
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    let text = page.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "");
    for reference in ["http:", "https:", "//cdn", " src=", "@import", "url(", "<link", "<img", "<iframe"] {
        assert!(!text.contains(reference), "{reference}");
    }
    assert!(page.contains("Content-Security-Policy") && page.contains("SYNTHETIC DATA"));
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect();
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

#[test]
fn the_same_sweep_gives_the_same_report() {
    let bytes = |folder: &Path| -> Vec<Vec<u8>> {
        write_report(folder).unwrap().iter().map(|path| fs::read(path).unwrap()).collect()
    };
    let (first, second) = (sample("members"), sample("members"));
    assert_eq!(bytes(first.path()), bytes(second.path()));
}

#[test]
fn a_sweep_of_one_point_has_a_report_that_says_what_is_not_drawn() {
    let folder = small_table(&[("1", 1, 0.9)]);
    write_report(folder.path()).unwrap();
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("Not drawn:") && page.contains("Points of the sweep"));
}

#[test]
fn the_table_alone_is_enough() {
    let folder = sample("members");
    fs::remove_file(folder.path().join("sweep.json")).unwrap();
    fs::remove_file(folder.path().join("run.json")).unwrap();
    let chart = chart(folder.path(), &line("members", "accuracy")).unwrap();
    assert!(chart.caption().contains("Data set not recorded"), "{}", chart.caption());
}
