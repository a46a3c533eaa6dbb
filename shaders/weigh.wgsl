// How much a frame counts in a band: twin of src/cpu/weigh.rs.

struct Params {
    size: vec2<u32>,
    floor: f32,
    band_power: u32,
    finest_power: u32,
    // Priors below this are of places that the frame does not reach (params.rs: COVERED).
    covered: f32,
    // What `finest` counts there (params.rs: FINEST_FLOOR).
    finest_floor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var energy: texture_2d<f32>;
@group(0) @binding(2) var finest: texture_2d<f32>;
@group(0) @binding(3) var prior: texture_2d<f32>;
@group(0) @binding(4) var weight: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let known = textureLoad(prior, id.xy, 0).x;
    let reaches = known >= params.covered;
    let band = select(0.0, textureLoad(energy, id.xy, 0).x, reaches) + params.floor;
    let fine = select(params.finest_floor, textureLoad(finest, id.xy, 0).x, reaches);
    let value = known * power(band, params.band_power) * power(fine, params.finest_power);
    textureStore(weight, id.xy, vec4<f32>(value, 0.0, 0.0, 0.0));
}

// `base`^`exponent`, below 16. No loop and no branch: they cost more than the products.
fn power(base: f32, exponent: u32) -> f32 {
    let two = base * base;
    let four = two * two;
    let low = factor(exponent, 1u, base) * factor(exponent, 2u, two);
    return low * factor(exponent, 4u, four) * factor(exponent, 8u, four * four);
}

fn factor(exponent: u32, bit: u32, value: f32) -> f32 {
    return select(1.0, value, (exponent & bit) != 0u);
}
