//! Signing in and out, choosing a password, choosing a language.
//!
//! Works without scripts. A login that is locked says until when; a wrong one does not say what was wrong.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use serde::Deserialize;

use super::AppState;
use super::failure::Failure;
use super::format;
use super::frame::Frame;
use super::page::{draw, draw_as, is_ours, onward};
use super::text::Text;
use super::visit::{LANGUAGE_COOKIE, Reader, SESSION_COOKIE, Visit, cookie};
use crate::access::{Role, Subject};
use crate::accounts::{self, LoginError, PASSWORD_CHARS_MIN, PasswordError};
use crate::language::Language;

#[derive(Template)]
#[template(path = "login/page.html")]
struct LoginPage {
    frame: Frame,
    wrong: Option<String>,
    login: String,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "login/password.html")]
struct PasswordPage {
    frame: Frame,
    must: bool,
    wrong: Option<String>,
    hint: String,
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub(crate) struct Onward {
    next: Option<String>,
}

/// The form of the login page.
#[derive(Deserialize)]
pub(crate) struct LoginForm {
    login: String,
    password: String,
    next: Option<String>,
}

/// The form of the password page.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    old: String,
    new: String,
    again: String,
}

/// The language switch.
#[derive(Deserialize)]
pub(crate) struct LanguageForm {
    language: String,
    next: Option<String>,
}

/// The first page of somebody who is signed in.
pub(crate) fn home_of(subject: &Subject) -> &'static str {
    match subject.role() {
        Some(Role::Administrator) => "/admin",
        Some(Role::Technician) => "/gateways",
        Some(
            Role::HeartFailureNurse
            | Role::Physician
            | Role::MunicipalNurse
            | Role::HomeCare
            | Role::MeasuringSupport,
        ) => "/worklist",
        None => "/me",
    }
}

/// `GET /`.
pub(crate) async fn home(visit: Option<Visit>) -> Redirect {
    Redirect::to(visit.as_ref().map_or("/login", |visit| home_of(&visit.subject)))
}

/// `GET /login`.
pub(crate) async fn show(
    State(state): State<AppState>,
    Reader(text): Reader,
    visit: Option<Visit>,
    Query(onward): Query<Onward>,
) -> Result<Response, Failure> {
    if let Some(visit) = visit {
        return Ok(Redirect::to(home_of(&visit.subject)).into_response());
    }
    let next = onward.next.filter(|next| is_ours(next));
    draw(&LoginPage { frame: frame(&state, text), wrong: None, login: String::new(), next })
}

fn frame(state: &AppState, text: Text) -> Frame {
    Frame::alone(state, text, text.t("login-title"))
}

/// `POST /login`.
pub(crate) async fn log_in(
    State(state): State<AppState>,
    Reader(text): Reader,
    jar: CookieJar,
    Form(form): Form<LoginForm>,
) -> Result<Response, Failure> {
    let now = state.clock.now();
    let login = form.login.trim();
    match accounts::log_in(&state.store, login, &form.password, now).await {
        Ok(token) => {
            let subject = accounts::who(&state.store, &token, now).await?.ok_or(Failure::Broken)?;
            let jar = jar.add(cookie(SESSION_COOKIE, token.reveal().to_owned(), state.https));
            let home = if subject.must_change { "/password" } else { home_of(&subject) };
            let next = form.next.as_deref().filter(|_| !subject.must_change);
            Ok((jar, onward(next, home)).into_response())
        }
        Err(LoginError::Wrong) => again(&state, text, text.t("login-wrong"), StatusCode::UNAUTHORIZED, form),
        Err(LoginError::Locked { until }) => {
            let until = format::moment(until.plus_millis(59_999), now, text);
            let wrong = text.with("login-locked", &[("until", until.into())]);
            again(&state, text, wrong, StatusCode::TOO_MANY_REQUESTS, form)
        }
        Err(LoginError::Store(error)) => Err(error.into()),
    }
}

fn again(
    state: &AppState,
    text: Text,
    wrong: String,
    status: StatusCode,
    form: LoginForm,
) -> Result<Response, Failure> {
    let next = form.next.filter(|next| is_ours(next));
    let page = LoginPage { frame: frame(state, text), wrong: Some(wrong), login: form.login, next };
    draw_as(status, &page)
}

/// `POST /logout`.
pub(crate) async fn log_out(
    State(state): State<AppState>,
    visit: Option<Visit>,
    jar: CookieJar,
) -> Result<Response, Failure> {
    if let Some(visit) = visit {
        accounts::log_out(&state.store, &visit.token).await?;
    }
    let gone = Cookie::build((SESSION_COOKIE, "")).path("/").build();
    Ok((jar.remove(gone), Redirect::to("/login")).into_response())
}

/// `GET /password`.
pub(crate) async fn show_password(State(state): State<AppState>, visit: Visit) -> Result<Response, Failure> {
    password_page(&state, &visit, None, StatusCode::OK)
}

fn password_page(
    state: &AppState,
    visit: &Visit,
    wrong: Option<String>,
    status: StatusCode,
) -> Result<Response, Failure> {
    let text = visit.text;
    let page = PasswordPage {
        frame: Frame::of(state, visit, "", text.t("password-title")),
        must: visit.subject.must_change,
        wrong,
        hint: text.count("password-hint", i64::try_from(PASSWORD_CHARS_MIN).unwrap_or(i64::MAX)),
    };
    draw_as(status, &page)
}

/// `POST /password`.
pub(crate) async fn change_password(
    State(state): State<AppState>,
    visit: Visit,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Failure> {
    let text = visit.text;
    let wrong = if form.new == form.again {
        let changed = accounts::change_password(
            &state.store,
            &visit.subject,
            &visit.token,
            &form.old,
            &form.new,
            visit.now,
        )
        .await;
        match changed {
            Ok(()) => return Ok(Redirect::to(home_of(&visit.subject)).into_response()),
            Err(PasswordError::Wrong) => text.t("password-wrong"),
            Err(PasswordError::TooShort) => {
                text.count("password-too-short", i64::try_from(PASSWORD_CHARS_MIN).unwrap_or(i64::MAX))
            }
            Err(PasswordError::Same) => text.t("password-same"),
            Err(PasswordError::Store(error)) => return Err(error.into()),
        }
    } else {
        text.t("password-differ")
    };
    password_page(&state, &visit, Some(wrong), StatusCode::UNPROCESSABLE_ENTITY)
}

/// `POST /language`.
pub(crate) async fn choose_language(
    State(state): State<AppState>,
    jar: CookieJar,
    Form(form): Form<LanguageForm>,
) -> Result<Response, Failure> {
    let language = Language::from_key(&form.language).ok_or(Failure::Bad)?;
    let mut chosen = cookie(LANGUAGE_COOKIE, language.key().to_owned(), state.https);
    chosen.make_permanent();
    Ok((jar.add(chosen), onward(form.next.as_deref(), "/")).into_response())
}
