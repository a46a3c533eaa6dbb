// Weighted mean absolute difference of every two frames' features: twin of src/cpu/distance.rs.

struct Params {
    frames: u32,
    blocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// One row per frame; one row of weights.
@group(0) @binding(1) var features: texture_2d<f32>;
@group(0) @binding(2) var weights: texture_2d<f32>;
@group(0) @binding(3) var distances: texture_storage_2d<r32float, write>;

// Below this a feature is missing (params.rs: MISSING).
const MISSING: f32 = -1.0e29;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= vec2<u32>(params.frames)) {
        return;
    }
    var sum = 0.0;
    var shared_weight = 0.0;
    for (var block = 0u; block < params.blocks; block++) {
        let a = textureLoad(features, vec2<u32>(block, id.x), 0).x;
        let b = textureLoad(features, vec2<u32>(block, id.y), 0).x;
        if a > MISSING && b > MISSING {
            let weight = textureLoad(weights, vec2<u32>(block, 0u), 0).x;
            sum += weight * abs(a - b);
            shared_weight += weight;
        }
    }
    var distance = 0.0;
    if shared_weight > 0.0 {
        distance = sum / shared_weight;
    }
    textureStore(distances, id.xy, vec4<f32>(distance, 0.0, 0.0, 0.0));
}
