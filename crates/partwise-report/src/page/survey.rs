//! A survey of ranks: what each method says of a rank, its components, and which samples move when there is one more.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Content, Kind, check};
use crate::ReportError;

/// What several methods say of several ranks.
#[derive(Debug, Clone)]
pub struct SurveySection {
    /// The methods, in their order.
    pub curves: Vec<SurveyCurve>,
    /// The ranks that were looked at, rising; at least one.
    pub ranks: Vec<SurveyRank>,
    /// What the samples are called whose groups were looked at.
    pub samples: Vec<String>,
    /// Samples in all.
    pub total: usize,
    /// The rank that was chosen.
    pub chosen: usize,
    /// Why, in a sentence.
    pub why: String,
}

/// What one method says.
#[derive(Debug, Clone)]
pub struct SurveyCurve {
    /// Its name, what it looks at, its papers, and what its figure is called.
    pub method: String,
    /// See `method`.
    pub title: String,
    /// See `method`.
    pub source: String,
    /// See `method`.
    pub measure: String,
    /// Whether it is shown for comparison only.
    pub weak: bool,
    /// Ranks and figures, by rising rank.
    pub points: Vec<(usize, f64)>,
    /// The rank that it proposes.
    pub proposed: Option<usize>,
    /// Why, as the end of a sentence about that rank.
    pub reason: Option<String>,
}

/// One rank.
#[derive(Debug, Clone)]
pub struct SurveyRank {
    /// The number of components, at least 1.
    pub rank: usize,
    /// The components of its best fit; none if no method compares starts.
    pub components: Vec<SurveyComponent>,
    /// The strongest component of each sample in that fit, from 0; none if no method compares starts.
    pub groups: Vec<u32>,
}

/// A component.
#[derive(Debug, Clone)]
pub struct SurveyComponent {
    /// Its strongest features, the strongest first, each with its share of the component.
    pub features: Vec<(String, f64)>,
    /// Its silhouette over starts, −1 to 1; none of rank 1.
    pub stability: Option<f64>,
}

/// Features that all components together may show; each shows as many as there is room for, up to the second.
const FEATURES: usize = 60_000;
const MOST_FEATURES: usize = 12;
/// Groups of samples that all ranks together may show.
const GROUPS: usize = 400_000;

impl SurveySection {
    /// What the page's script draws.
    pub(super) fn content(&self) -> Result<Content, ReportError> {
        self.check()?;
        let components = self.ranks.iter().map(|one| one.components.len());
        let each = FEATURES / components.sum::<usize>().max(1);
        let mut room = FEATURES;
        let (mut names, mut places) = (Vec::new(), HashMap::new());
        let mut place = |name: &str| {
            *places.entry(name.to_owned()).or_insert_with(|| {
                names.push(name.to_owned());
                names.len() - 1
            })
        };
        let count = self.samples.len();
        let shown = count.min(GROUPS / self.ranks.len());
        let kept: Vec<usize> = (0..shown).map(|at| at * count / shown).collect();
        let mut ranks = Vec::new();
        for one in &self.ranks {
            // The components of the largest ranks of very many are left out.
            let fits = room >= one.components.len();
            let components = one.components.iter().filter(|_| fits);
            let components: Vec<Value> = components
                .map(|component| {
                    let features = component.features.iter();
                    let features = features.take(each.clamp(1, MOST_FEATURES));
                    let features: Vec<Value> = features
                        .map(|(name, share)| json!([place(name), share]))
                        .collect();
                    room = room.saturating_sub(features.len().max(1));
                    json!({ "features": features, "stability": component.stability })
                })
                .collect();
            let groups: Vec<u32> = kept
                .iter()
                .filter_map(|&at| one.groups.get(at).copied())
                .collect();
            ranks.push(json!({ "rank": one.rank, "components": components, "groups": groups }));
        }
        let curve = |curve: &SurveyCurve| {
            json!({
                "method": curve.method,
                "title": curve.title,
                "source": curve.source,
                "measure": curve.measure,
                "weak": curve.weak,
                "points": curve.points,
                "proposed": curve.proposed,
                "reason": curve.reason,
            })
        };
        let samples: Vec<&str> = kept.iter().map(|&at| self.samples[at].as_str()).collect();
        Ok(Content {
            kind: Kind::Survey,
            name: None,
            data: json!({
                "curves": self.curves.iter().map(curve).collect::<Vec<_>>(),
                "ranks": ranks,
                "features": names,
                "samples": samples,
                "total": self.total,
                "chosen": self.chosen,
                "why": self.why,
            }),
        })
    }

    /// Refuses what the page could not show.
    fn check(&self) -> Result<(), ReportError> {
        check::at_least_one("number of ranks", self.ranks.len())?;
        for one in &self.ranks {
            check::at_least_one("rank", one.rank)?;
            let place = format!("rank {}", one.rank);
            if !one.groups.is_empty() {
                let samples = &[self.samples.len()];
                check::length("groups", one.groups.len(), "samples", samples)?;
            }
            for &group in &one.groups {
                check::index(&format!("{place}: groups"), group as usize, one.rank)?;
            }
            if !one.components.is_empty() {
                check::length("components", one.components.len(), "rank", &[one.rank])?;
            }
            for component in &one.components {
                let shares: Vec<f64> = component.features.iter().map(|one| one.1).collect();
                check::non_negative(&format!("{place}: features"), &shares)?;
                let stability: Vec<f64> = component.stability.into_iter().collect();
                check::finite(&format!("{place}: stability"), &stability)?;
            }
        }
        for curve in &self.curves {
            let values: Vec<f64> = curve.points.iter().map(|point| point.1).collect();
            check::finite(&curve.method, &values)?;
        }
        Ok(())
    }
}
