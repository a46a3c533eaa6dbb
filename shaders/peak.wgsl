// The running depth argmax with the three values of the sub-level fit: twin of src/cpu/peak.rs.
//
// Ties go to the nearer level, which comes first.

struct Params {
    size: vec2<u32>,
    // Index of the middle level.
    level: f32,
    // 1 where `before`, where `after` is an outermost level.
    first: u32,
    last: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Values before, at and after the middle of the best triple, and the value by which it won.
@group(0) @binding(1) var<storage, read_write> triple: array<vec4<f32>>;
// x: index of its middle level, y: sum of all values.
@group(0) @binding(2) var<storage, read_write> place: array<vec4<f32>>;
@group(0) @binding(3) var before: texture_2d<f32>;
@group(0) @binding(4) var middle: texture_2d<f32>;
@group(0) @binding(5) var after: texture_2d<f32>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn start(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = index(id.xy, params.size.x);
    triple[at] = vec4<f32>(0.0, 0.0, 0.0, -1.0);
    place[at] = vec4<f32>(1.0, 0.0, 0.0, 0.0);
}

// Adds `after` to the sums only.
@compute @workgroup_size(TILE_X, TILE_Y)
fn add(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    place[index(id.xy, params.size.x)].y += textureLoad(after, id.xy, 0).x;
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn advance(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let a = textureLoad(before, id.xy, 0).x;
    let m = textureLoad(middle, id.xy, 0).x;
    let c = textureLoad(after, id.xy, 0).x;
    var strength = m;
    if params.first == 1u {
        strength = max(strength, a);
    }
    if params.last == 1u {
        strength = max(strength, c);
    }
    let at = index(id.xy, params.size.x);
    place[at].y += c;
    if strength > triple[at].w {
        triple[at] = vec4<f32>(a, m, c, strength);
        place[at].x = params.level;
    }
}
