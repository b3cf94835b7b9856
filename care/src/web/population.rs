//! `/population`: how the patients of one's own unit do as a whole. Names nobody.
//!
//! Who may is [`crate::access`]'s to say; what may be told of few, [`crate::population`]'s.

use alerts::{Priority, Problem};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use vitals::Timestamp;

use super::AppState;
use super::failure::Failure;
use super::format::{day_month, decimal, moment};
use super::frame::Frame;
use super::page::draw;
use super::patient::charts::{Drawn, both};
use super::patient::long::Source;
use super::text::Text;
use super::visit::StaffVisit;
use super::words::{self, Urgency};
use crate::access;
use crate::chart::{Bar, BarChart};
use crate::population::{self, Figure, FirstActs, Population, SMALL, Week, about};

/// A line of the table of weeks.
struct WeekRow {
    days: String,
    monitored: String,
    share: String,
    measurements: String,
}

/// A line of the table of tasks: a problem, and for each priority how many and how many a patient-year.
struct TaskRow {
    problem: String,
    cells: Vec<String>,
}

/// How soon somebody acted on one priority.
struct ActRow {
    urgency: Urgency,
    tasks: String,
    median: String,
    waiting: String,
}

#[derive(Template)]
#[template(path = "population/page.html")]
struct Page {
    frame: Frame,
    unit: String,
    printed: String,
    monitored: usize,
    small: bool,
    small_words: String,
    measured_now: String,
    per_day: String,
    quarantined: String,
    tasks_total: String,
    source: Source,
    charts: Vec<Drawn>,
    weeks: Vec<WeekRow>,
    priorities: Vec<Urgency>,
    tasks: Vec<TaskRow>,
    acts: Vec<ActRow>,
}

/// `GET /population`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
) -> Result<Response, Failure> {
    access::open_population(&state.store, &visit.subject, visit.now).await?;
    let (text, now) = (visit.text, visit.now);
    let report = population::of(&state.store, &state.series, &visit.subject, now).await?;
    let frame = Frame::of(&state, &visit, "population", text.t("population-title"));
    let priorities = [Priority::Urgent, Priority::Soon, Priority::Routine];
    let (total, rounded) = about(&report.tasks.values().copied().collect::<Vec<_>>());
    let total_rate = per_year(total, &report, text);
    draw(&Page {
        unit: frame.unit.clone().unwrap_or_default(),
        printed: moment(now, now.plus_days(-3), text),
        monitored: report.monitored,
        small: report.is_small(),
        small_words: text.count("population-small", count(SMALL)),
        measured_now: report.weeks.last().map_or_else(dash, |week| share(week, text)),
        per_day: report.measurements_per_patient_day.map_or_else(dash, |each| decimal(each, 1, text.0)),
        quarantined: figure(report.quarantined, text),
        tasks_total: text.with(
            if rounded { "population-total-about" } else { "population-total" },
            &[("count", count(total).into()), ("rate", total_rate.into())],
        ),
        source: Source::of(report.from, text),
        charts: vec![
            both(&|paper| adherence(&report, text).draw(paper)),
            both(&|paper| measurements(&report, text).draw(paper)),
        ],
        weeks: report.weeks.iter().rev().map(|week| week_row(week, text)).collect(),
        priorities: priorities.iter().map(|priority| Urgency::of(*priority, text)).collect(),
        tasks: Problem::ALL
            .iter()
            .filter_map(|problem| task_row(*problem, &priorities, &report, text))
            .collect(),
        acts: priorities.iter().map(|priority| act_row(*priority, &report, text)).collect(),
        frame,
    })
}

fn dash() -> String {
    "–".to_owned()
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn figure(number: usize, text: Text) -> String {
    match Figure::of(number) {
        Figure::Exact(number) => number.to_string(),
        Figure::Few => text.count("population-few", count(SMALL)),
    }
}

/// `87 %`, or a dash where few were monitored.
fn share(week: &Week, text: Text) -> String {
    let percent = week.share().map(|share| decimal(share * 100.0, 0, text.0));
    percent.map_or_else(dash, |percent| text.with("population-percent", &[("percent", percent.into())]))
}

fn per_year(tasks: usize, report: &Population, text: Text) -> String {
    let tasks = f64::from(u32::try_from(tasks).unwrap_or(u32::MAX));
    if report.patient_years > 0.0 { decimal(tasks / report.patient_years, 2, text.0) } else { dash() }
}

fn short_days(week: &Week, text: Text) -> String {
    format!("{}–{}", day_month(week.from, text.0), day_month(week.to, text.0))
}

fn adherence(report: &Population, text: Text) -> Bars {
    let bars = report.weeks.iter().map(|week| Bar {
        label: day_month(week.to, text.0),
        value: week.share(),
        figure: week.share().map_or_else(dash, |share| decimal(share * 100.0, 0, text.0)),
    });
    let bars: Vec<Bar> = bars.collect();
    let ends: [(&str, fluent::FluentValue<'_>); 2] = [
        ("first", report.weeks.first().map_or_else(dash, |week| share(week, text)).into()),
        ("last", report.weeks.last().map_or_else(dash, |week| share(week, text)).into()),
    ];
    let summary = text.with("population-adherence-summary", &ends);
    Bars { id: "adherence", title: text.t("population-adherence"), summary, top: 1.0, bars }
}

fn measurements(report: &Population, text: Text) -> Bars {
    let each = |week: &Week| {
        let monitored = f64::from(u32::try_from(week.monitored).unwrap_or(u32::MAX)).max(1.0);
        let measurements = f64::from(u32::try_from(week.measurements).unwrap_or(u32::MAX));
        week.share().map(|_| measurements / monitored / 7.0)
    };
    let bars = report.weeks.iter().map(|week| Bar {
        label: day_month(week.to, text.0),
        value: each(week),
        figure: each(week).map_or_else(dash, |value| decimal(value, 1, text.0)),
    });
    let mean = report.measurements_per_patient_day.map_or_else(dash, |each| decimal(each, 1, text.0));
    Bars {
        id: "measurements",
        title: text.t("population-measurements"),
        summary: text.with("population-measurements-summary", &[("mean", mean.into())]),
        top: 1.0,
        bars: bars.collect(),
    }
}

/// What one chart is drawn from.
struct Bars {
    id: &'static str,
    title: String,
    summary: String,
    top: f64,
    bars: Vec<Bar>,
}

impl Bars {
    fn draw(&self, paper: crate::chart::Paper) -> crate::chart::Svg {
        let (title, summary) = (self.title.clone(), self.summary.clone());
        BarChart { id: self.id, bars: &self.bars, top: self.top, title, summary }.draw(paper)
    }
}

fn week_row(week: &Week, text: Text) -> WeekRow {
    WeekRow {
        days: short_days(week, text),
        monitored: figure(week.monitored, text),
        share: share(week, text),
        measurements: if week.share().is_some() { week.measurements.to_string() } else { dash() },
    }
}

/// `12 (0,61)`: so many, and so many a patient-year; `None` where there is no such task.
fn task_row(problem: Problem, priorities: &[Priority], report: &Population, text: Text) -> Option<TaskRow> {
    let of = |priority: &Priority| report.tasks.get(&(problem, *priority)).copied().unwrap_or(0);
    if priorities.iter().map(of).sum::<usize>() == 0 {
        return None;
    }
    let cell = |priority: &Priority| match Figure::of(of(priority)) {
        Figure::Exact(0) => "0".to_owned(),
        Figure::Exact(number) => format!("{number} ({})", per_year(number, report, text)),
        Figure::Few => figure(of(priority), text),
    };
    Some(TaskRow { problem: words::problem(problem, text), cells: priorities.iter().map(cell).collect() })
}

fn act_row(priority: Priority, report: &Population, text: Text) -> ActRow {
    let acts = report.first_acts.get(&priority).copied().unwrap_or_default();
    let FirstActs { tasks, waiting, median_ms } = acts;
    ActRow {
        urgency: Urgency::of(priority, text),
        tasks: figure(tasks, text),
        median: median_ms.map_or_else(dash, |ms| duration(ms, text)),
        waiting: figure(waiting, text),
    }
}

/// `12 min`, `3,5 timmar`, `2,1 dygn`.
fn duration(ms: i64, text: Text) -> String {
    let minutes = (ms.max(0) + Timestamp::MINUTE_MS / 2) / Timestamp::MINUTE_MS;
    if minutes < 120 {
        return text.count("population-minutes", minutes);
    }
    let minutes = f64::from(u32::try_from(minutes).unwrap_or(u32::MAX));
    let (key, value) = if minutes < 48.0 * 60.0 {
        ("population-hours", minutes / 60.0)
    } else {
        ("population-days", minutes / 1440.0)
    };
    text.with(key, &[("number", decimal(value, 1, text.0).into())])
}
