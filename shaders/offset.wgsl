// Depth between levels from the best triple: twin of src/cpu/offset.rs.

struct Params {
    size: vec2<u32>,
    levels: f32,
}

// Smallest value that is told from nothing (params.rs: TINY).
const TINY: f32 = 1e-12;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> triple: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> place: array<vec4<f32>>;
// Focus step after a level over the step before it.
@group(0) @binding(3) var<storage, read> ratios: array<f32>;
@group(0) @binding(4) var depth: texture_storage_2d<r32float, write>;
@group(0) @binding(5) var height: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let best = triple[index(id.xy, params.size.x)];
    let spot = place[index(id.xy, params.size.x)];
    let level = spot.x;
    let above_mean = best.w * params.levels / max(spot.y, TINY);
    let value = level + between(best.xyz, level, ratios[u32(level)]);
    textureStore(depth, id.xy, vec4<f32>(value, 0.0, 0.0, 0.0));
    textureStore(height, id.xy, vec4<f32>(above_mean, 0.0, 0.0, 0.0));
}

// How far the peak lies from the middle of the triple, in levels.
fn between(values: vec3<f32>, level: f32, ratio: f32) -> f32 {
    let logs = log(max(values, vec3<f32>(TINY)));
    let rise = logs.y - logs.x;
    let fall = logs.y - logs.z;
    if params.levels == 2.0 {
        return select(0.0, -1.0, rise < 0.0);
    }
    let bend = 2.0 * (rise * ratio + fall);
    var at = (rise * ratio * ratio - fall) / max(bend, 1e-6);
    if at > 0.0 {
        at /= ratio;
    }
    if bend <= 1e-6 {
        at = 0.0;
        if rise < 0.0 {
            at = -1.0;
        } else if fall < 0.0 {
            at = 1.0;
        }
    }
    var lowest = -0.5;
    if level == 1.0 && rise < 0.0 {
        lowest = -1.0;
    }
    var highest = 0.5;
    if level == params.levels - 2.0 && fall < 0.0 {
        highest = 1.0;
    }
    return clamp(at, lowest, highest);
}
