//! The web pages: what the gate refuses, what it never leaks, and how it looks in headless Chromium.

mod fixture;
mod links;
mod pages;
mod people;
mod screens;
mod votes;
