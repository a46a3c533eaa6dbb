// Joint bilateral, confidence-weighted smoothing and filling of the depth map: twin of src/cpu/bilateral.rs.

struct Params {
    size: vec2<u32>,
    // Cells between taps.
    step: i32,
    // What the present level adds to the sums.
    share: f32,
    // Farthest level.
    far: f32,
    // Weight of a cell without any confidence.
    floor: f32,
    // How much more the farthest level counts than the nearest, as an exponent.
    slope: f32,
    // 1 / (8 × square of the colour difference).
    per_sigma2: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var depth: texture_2d<f32>;
@group(0) @binding(2) var confidence: texture_2d<f32>;
// Weight and weight times depth: of the present level (x, y), summed over the levels (z, w).
@group(0) @binding(3) var<storage, read> state: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> guide: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> next: array<vec4<f32>>;
@group(0) @binding(6) var smoothed: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn prime(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let value = textureLoad(depth, id.xy, 0).x;
    let trust = textureLoad(confidence, id.xy, 0).x;
    let weight = (trust + params.floor) * exp(params.slope * (value - params.far) / params.far);
    next[index(id.xy, params.size.x)] = vec4<f32>(weight, weight * value, weight, weight * value);
}

// One level.
@compute @workgroup_size(TILE_X, TILE_Y)
fn spread(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = vec2<i32>(id.xy);
    let here = index(id.xy, params.size.x);
    let color = guide[here].xyz;
    var total = 0.0;
    var sums = vec2<f32>(0.0);
    for (var j = -1; j <= 1; j++) {
        for (var i = -1; i <= 1; i++) {
            let other = clamped_index(at + vec2<i32>(i, j) * params.step, params.size);
            let apart = guide[other].xyz - color;
            let distance2 = apart.x * apart.x + apart.y * apart.y + apart.z * apart.z;
            let once = 1.0 / (1.0 + params.per_sigma2 * distance2);
            let alike = once * once;
            // 1-2-1 across and down, in quarters.
            let tap = alike * alike * (0.25 * f32(2 - abs(j)) * (0.25 * f32(2 - abs(i))));
            total += tap;
            sums += tap * state[other].xy;
        }
    }
    let mean = sums / total;
    next[here] = vec4<f32>(mean, state[here].zw + params.share * mean);
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn finish(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let own = state[index(id.xy, params.size.x)];
    let value = clamp(own.w / max(own.z, 1e-30), 0.0, params.far);
    textureStore(smoothed, id.xy, vec4<f32>(value, 0.0, 0.0, 0.0));
}
