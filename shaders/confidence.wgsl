// How far depth is to be trusted: twin of src/cpu/confidence.rs.

struct Params {
    size: vec2<u32>,
    // Of the window for the variance of depth and for what lies behind.
    radius: i32,
    // 1 / number of cells in the window.
    per_window: f32,
    // Variance of depth at which trust halves.
    sigma2: f32,
    // params.rs: ConfidenceRule.
    low: f32,
    high: f32,
    peak_power: f32,
    smooth_power: f32,
    soft: u32,
    behind: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var raw: texture_2d<f32>;
@group(0) @binding(2) var filled: texture_2d<f32>;
@group(0) @binding(3) var height: texture_2d<f32>;
// x: sum of depth, y: of its square, z: the greatest.
@group(0) @binding(4) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(6) var trusted: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn across(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = vec2<i32>(id.xy);
    var sum = vec3<f32>(0.0);
    for (var dx = -params.radius; dx <= params.radius; dx++) {
        let depth = clamped(raw, at + vec2<i32>(dx, 0)).x;
        sum = vec3<f32>(sum.xy + vec2<f32>(depth, depth * depth), max(sum.z, depth));
    }
    sums[index(id.xy, params.size.x)] = vec4<f32>(sum, 0.0);
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn down(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = vec2<i32>(id.xy);
    var total = vec3<f32>(0.0);
    for (var dy = -params.radius; dy <= params.radius; dy++) {
        let row = rows[clamped_index(at + vec2<i32>(0, dy), params.size)];
        total = vec3<f32>(total.xy + row.xy, max(total.z, row.z));
    }
    let mean = total.x * params.per_window;
    let variance = max(total.y * params.per_window - mean * mean, 0.0);
    let depth = textureLoad(raw, at, 0).x;
    let moved = textureLoad(filled, at, 0).x - depth;
    let value = trust(variance, total.z - depth, moved, textureLoad(height, at, 0).x);
    textureStore(trusted, id.xy, vec4<f32>(value, 0.0, 0.0, 0.0));
}

fn trust(variance: f32, behind: f32, moved: f32, peak: f32) -> f32 {
    let excess = (peak - params.low) / (params.high - params.low);
    var share: f32;
    if params.soft == 1u {
        let power = power_of(max(excess, 0.0), params.peak_power);
        share = power / (1.0 + power);
    } else {
        share = power_of(clamp(excess, 0.0, 1.0), params.peak_power);
    }
    let agreement = 1.0 / (1.0 + moved * moved / params.sigma2);
    let smoothness = pow(1.0 / (1.0 + variance / params.sigma2), params.smooth_power);
    return share * smoothness * agreement * agreement / (1.0 + behind * behind * params.behind);
}

// `pow` goes through a logarithm: nothing is promised of it at 0.
fn power_of(base: f32, exponent: f32) -> f32 {
    if base <= 0.0 {
        return 0.0;
    }
    return pow(base, exponent);
}
