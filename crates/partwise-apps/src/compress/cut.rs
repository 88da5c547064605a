//! A picture's planes cut into blocks, and the blocks kept at any step.

use super::Method;
use super::cosine::Cosine;
use super::patches::{Grid, Group, Patches, grouped};
use super::planes::{Form, Plane};
use super::rows::Rows;
use super::sparse::{self, Course};

/// Blocks of planes that share components, as coefficients.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Constant coefficients.
    means: Vec<f32>,
    /// The other coefficients.
    rest: Rows,
    /// Singular vectors of the latter.
    vectors: Vec<f32>,
}

impl Blocks {
    /// Cuts planes into blocks; pixels beyond the picture repeat its edge.
    fn cut(planes: &[&Plane], cosine: &Cosine) -> Self {
        let count = cosine.count();
        let side = count.isqrt();
        let mut means = Vec::new();
        let mut rest = Rows {
            values: Vec::new(),
            width: count - 1,
            grids: Vec::new(),
        };
        let (mut pixels, mut coefficients) = (vec![0.0; count], vec![0.0; count]);
        for plane in planes {
            let grid = Grid {
                across: plane.width.div_ceil(side),
                down: plane.height.div_ceil(side),
            };
            for row in 0..grid.down {
                for column in 0..grid.across {
                    for (place, pixel) in pixels.iter_mut().enumerate() {
                        let y = (row * side + place / side).min(plane.height - 1);
                        let x = (column * side + place % side).min(plane.width - 1);
                        *pixel = plane.samples[y * plane.width + x];
                    }
                    cosine.forward(&pixels, &mut coefficients);
                    means.push(coefficients[0]);
                    rest.values.extend(&coefficients[1..]);
                }
            }
            rest.grids.push(grid);
        }
        let vectors = rest.singular_vectors();
        Self {
            means,
            rest,
            vectors,
        }
    }
}

/// A picture cut into blocks, ready to be kept at any step.
#[derive(Debug)]
pub(super) struct Cut {
    form: Form,
    side: usize,
    groups: Vec<Blocks>,
}

impl Cut {
    /// Cuts a picture's planes.
    pub(super) fn new(form: Form, side: usize, planes: &[Plane]) -> Self {
        let cosine = Cosine::new(side);
        let group = |members: &&[usize]| {
            let planes: Vec<&Plane> = members.iter().map(|&plane| &planes[plane]).collect();
            Blocks::cut(&planes, &cosine)
        };
        Self {
            form,
            side,
            groups: grouped(form.channels).iter().map(group).collect(),
        }
    }

    /// The blocks at a step.
    pub(super) fn encode(&self, step: f32, method: Method) -> Patches {
        let course = Course {
            step,
            method,
            signed: true,
        };
        let group = |blocks: &Blocks| {
            let found = sparse::search(&blocks.rest, &blocks.vectors, None, course);
            let means = blocks.means.iter();
            Group {
                grids: blocks.rest.grids.clone(),
                means: means.map(|mean| sparse::whole(mean / step)).collect(),
                exponents: found.exponents,
                atoms: found.atoms,
                codes: found.codes,
            }
        };
        Patches {
            form: self.form,
            side: self.side,
            step,
            groups: self.groups.iter().map(group).collect(),
        }
    }
}
