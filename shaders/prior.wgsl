// What the depth map says of a frame, on the pyramid's second plane: twin of src/cpu/prior.rs.

struct Params {
    // Of the result.
    size: vec2<u32>,
    // Of the frame, in pixels.
    frame: vec2<f32>,
    // Row of the second plane that is row 0 of the result.
    top: f32,
    level: f32,
    half: f32,
    radius: f32,
    wide: f32,
    floor: f32,
    // Weight where the frame does not reach (params.rs: UNCOVERED).
    uncovered: f32,
    // Added where the map is guessed.
    guessed: f32,
    // Projective matrix, reference → frame, row by row.
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
@group(0) @binding(1) var depth: texture_2d<f32>;
@group(0) @binding(2) var confidence: texture_2d<f32>;
@group(0) @binding(3) var prior: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = 2.0 * (vec2<f32>(id.xy) + vec2<f32>(0.0, params.top));
    let source = vec2<f32>(
        params.xx * at.x + params.xy * at.y + params.x0,
        params.yx * at.x + params.yy * at.y + params.y0,
    ) / (params.wx * at.x + params.wy * at.y + 1.0);
    var value = params.uncovered;
    if all(source >= vec2<f32>(-0.5)) && all(source <= params.frame - 0.5) {
        let place = id.xy + vec2<u32>(0u, u32(params.top));
        let sure = textureLoad(confidence, place, 0).x;
        let far = max(abs(textureLoad(depth, place, 0).x - params.level) - params.half, 0.0);
        let t = far / (params.radius + params.wide * (1.0 - sure));
        let bump = max(1.0 - t * t, 0.0);
        value = bump * bump + params.floor + params.guessed * (1.0 - sure);
    }
    textureStore(prior, id.xy, vec4<f32>(value, 0.0, 0.0, 0.0));
}
