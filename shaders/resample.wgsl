// Brings rows of a photo into the reference geometry and exposure: twin of src/cpu/resample.rs.

struct Params {
    // Of what the entry point writes.
    size: vec2<u32>,
    // Row of the photo that is row 0 of `photo` and `columns`.
    first: f32,
    // Row of the reference that is row 0 of the result.
    top: f32,
    // Projective matrix, reference → photo, row by row.
    xx: f32,
    xy: f32,
    x0: f32,
    yx: f32,
    yy: f32,
    y0: f32,
    wx: f32,
    wy: f32,
    centre: vec2<f32>,
    // 2 / width.
    unit: f32,
    // Keys's parameter (params.rs: CUBIC).
    sharpness: f32,
    // Rows of `photo` and `columns` that are there.
    rows: f32,
    // Factors of 1, X, Y and X² + Y² by channel.
    gains: array<vec4<f32>, 4>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var photo: texture_2d<f32>;
// The photo's rows, the reference's columns.
@group(0) @binding(2) var columns: texture_storage_2d<rgba32float, write>;
@group(0) @binding(3) var across_read: texture_2d<f32>;
@group(0) @binding(4) var resampled: texture_storage_2d<rgba32float, write>;

// Weights of four taps, the place `part` of a pixel behind the second.
fn cubic(part: f32) -> vec4<f32> {
    let a = params.sharpness;
    let rest = 1.0 - part;
    return vec4<f32>(
        a * part * rest * rest,
        ((a + 2.0) * part - (a + 3.0)) * part * part + 1.0,
        ((a + 2.0) * rest - (a + 3.0)) * rest * rest + 1.0,
        a * rest * part * part,
    );
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn across(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let x = f32(id.x);
    let row = f32(id.y) + params.first;
    // Where on the reference's column x the photo's row lies, and from there the photo's column.
    let y = (params.yx * x + params.y0 - row * (params.wx * x + 1.0)) / (row * params.wy - params.yy);
    let far = f32(textureDimensions(photo).x);
    let u = (params.xx * x + params.xy * y + params.x0) / (params.wx * x + params.wy * y + 1.0);
    let inside = clamp(u, -2.0, far + 1.0);
    let whole = floor(inside);
    let weights = cubic(inside - whole);
    let at = vec2<i32>(i32(whole), i32(id.y));
    let value = mix4(
        weights,
        clamped(photo, at - vec2<i32>(1, 0)),
        clamped(photo, at),
        clamped(photo, at + vec2<i32>(1, 0)),
        clamped(photo, at + vec2<i32>(2, 0)),
    );
    textureStore(columns, id.xy, value);
}

fn column(x: u32, row: f32) -> vec4<f32> {
    return textureLoad(across_read, vec2<i32>(i32(x), i32(clamp(row, 0.0, params.rows - 1.0))), 0);
}

// Row of `columns` that the place in column `x` and row `y` of the result lies on, as far outside as taps reach.
fn place(x: f32, y: u32) -> f32 {
    let row = f32(y) + params.top;
    let v = (params.yx * x + params.yy * row + params.y0) / (params.wx * x + params.wy * row + 1.0);
    return clamp(v - params.first, -2.0, params.rows + 1.0);
}

fn put(x: u32, y: u32, value: vec4<f32>) {
    if y >= params.size.y {
        return;
    }
    let from_centre = (vec2<f32>(f32(x), f32(y) + params.top) - params.centre) * params.unit;
    let gain = params.gains[0] + params.gains[1] * from_centre.x + params.gains[2] * from_centre.y
        + params.gains[3] * dot(from_centre, from_centre);
    // Light to the power 1/2.4 is what lies 0.055 below: the toe of encoded values grows as they do.
    let toe = 0.055 * (gain - 1.0) * min(25.0 * value, vec4<f32>(1.0));
    textureStore(resampled, vec2<u32>(x, y), value * gain + toe);
}

// An invocation makes four rows, whose taps are nearly always seven rows in all.
@compute @workgroup_size(TILE_X, TILE_Y)
fn down(@builtin(global_invocation_id) id: vec3<u32>) {
    let top = id.y * 4u;
    if id.x >= params.size.x || top >= params.size.y {
        return;
    }
    let x = f32(id.x);
    let places = vec4<f32>(place(x, top), place(x, top + 1u), place(x, top + 2u), place(x, top + 3u));
    let whole = floor(places);
    if all(whole == whole.xxxx + vec4<f32>(0.0, 1.0, 2.0, 3.0)) {
        let a = column(id.x, whole.x - 1.0);
        let b = column(id.x, whole.x);
        let c = column(id.x, whole.x + 1.0);
        let d = column(id.x, whole.x + 2.0);
        let e = column(id.x, whole.x + 3.0);
        let f = column(id.x, whole.x + 4.0);
        let g = column(id.x, whole.x + 5.0);
        put(id.x, top, mix4(cubic(places.x - whole.x), a, b, c, d));
        put(id.x, top + 1u, mix4(cubic(places.y - whole.y), b, c, d, e));
        put(id.x, top + 2u, mix4(cubic(places.z - whole.z), c, d, e, f));
        put(id.x, top + 3u, mix4(cubic(places.w - whole.w), d, e, f, g));
        return;
    }
    for (var y = top; y < min(top + 4u, params.size.y); y++) {
        let at = place(x, y);
        let first = floor(at);
        let value = mix4(
            cubic(at - first),
            column(id.x, first - 1.0),
            column(id.x, first),
            column(id.x, first + 1.0),
            column(id.x, first + 2.0),
        );
        put(id.x, y, value);
    }
}

fn mix4(weights: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
    return weights.x * a + weights.y * b + weights.z * c + weights.w * d;
}
