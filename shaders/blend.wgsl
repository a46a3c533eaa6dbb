// Adds one level's colour to the all-in-focus picture: twin of src/cpu/blend.rs.

struct Params {
    size: vec2<u32>,
    gain: f32,
    level: f32,
    // Projective matrix, result → colour, row by row.
    xx: f32,
    xy: f32,
    x0: f32,
    yx: f32,
    yy: f32,
    y0: f32,
    wx: f32,
    wy: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Colour times weight, and the weights.
@group(0) @binding(1) var<storage, read_write> sum: array<vec4<f32>>;
@group(0) @binding(2) var depth: texture_2d<f32>;
@group(0) @binding(3) var color: texture_2d<f32>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let weight = 1.0 - abs(textureLoad(depth, id.xy, 0).x - params.level);
    if weight > 0.0 {
        let at = vec2<f32>(id.xy);
        let source = vec2<f32>(
            params.xx * at.x + params.xy * at.y + params.x0,
            params.yx * at.x + params.yy * at.y + params.y0,
        ) / (params.wx * at.x + params.wy * at.y + 1.0);
        sum[index(id.xy, params.size.x)] += vec4<f32>(weight * params.gain * bilinear(source), weight);
    }
}

fn bilinear(source: vec2<f32>) -> vec3<f32> {
    let last = vec2<f32>(textureDimensions(color)) - 1.0;
    let inside = clamp(source, vec2<f32>(0.0), last);
    let corner = floor(inside);
    let part = inside - corner;
    let texel = vec2<i32>(corner);
    let a = clamped(color, texel).xyz;
    let b = clamped(color, texel + vec2<i32>(1, 0)).xyz;
    let c = clamped(color, texel + vec2<i32>(0, 1)).xyz;
    let d = clamped(color, texel + vec2<i32>(1, 1)).xyz;
    let upper = a + (b - a) * part.x;
    let lower = c + (d - c) * part.x;
    return upper + (lower - upper) * part.y;
}
