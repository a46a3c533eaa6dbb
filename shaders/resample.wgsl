// Brings rows of a photo into the reference geometry and exposure: twin of src/cpu/resample.rs.

struct Params {
    // Of the result.
    size: vec2<u32>,
    // Row of the photo that is row 0 of `photo`.
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
    // Rows of `photo` that are there.
    rows: f32,
    // Rows that an invocation makes.
    run: u32,
    // Factors of 1, X, Y and X² + Y² by channel.
    gains: array<vec4<f32>, 4>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var photo: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> resampled: array<vec4<f32>>;

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

// Row `row` of `photo` at column `x` of the reference.
fn across(x: f32, row: i32) -> vec4<f32> {
    let at = clamp(row, 0, i32(params.rows) - 1);
    let line = f32(at) + params.first;
    // Where on the reference's column x the photo's row lies, and from there the photo's column.
    let y = (params.yx * x + params.y0 - line * (params.wx * x + 1.0)) / (line * params.wy - params.yy);
    let last = i32(textureDimensions(photo).x) - 1;
    let u = (params.xx * x + params.xy * y + params.x0) / (params.wx * x + params.wy * y + 1.0);
    let inside = clamp(u, -2.0, f32(last) + 2.0);
    let whole = floor(inside);
    let columns = clamp(vec4<i32>(i32(whole)) + vec4<i32>(-1, 0, 1, 2), vec4<i32>(0), vec4<i32>(last));
    return mix4(
        cubic(inside - whole),
        textureLoad(photo, vec2<i32>(columns.x, at), 0),
        textureLoad(photo, vec2<i32>(columns.y, at), 0),
        textureLoad(photo, vec2<i32>(columns.z, at), 0),
        textureLoad(photo, vec2<i32>(columns.w, at), 0),
    );
}

// Row of `photo` that the place in column `x` and row `y` of the result lies on, as far outside as taps reach.
fn place(x: f32, y: u32) -> f32 {
    let row = f32(y) + params.top;
    let v = (params.yx * x + params.yy * row + params.y0) / (params.wx * x + params.wy * row + 1.0);
    return clamp(v - params.first, -2.0, params.rows + 1.0);
}

// An invocation makes some rows of a column, whose taps slide through registers: nearly always one a row.
@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let top = id.y * params.run;
    if id.x >= params.size.x || top >= params.size.y {
        return;
    }
    let x = f32(id.x);
    let from_centre = (x - params.centre.x) * params.unit;
    let gain_here = params.gains[0] + from_centre * params.gains[1] + from_centre * from_centre * params.gains[3];
    var a: vec4<f32>;
    var b: vec4<f32>;
    var c: vec4<f32>;
    var d: vec4<f32>;
    // Row of `photo` that `d` is of.
    var last = -1000000;
    for (var y = top; y < min(top + params.run, params.size.y); y++) {
        let at = place(x, y);
        let whole = floor(at);
        let needed = i32(whole) + 2;
        if needed < last || needed > last + 4 {
            last = needed - 4;
        }
        while last < needed {
            last++;
            a = b;
            b = c;
            c = d;
            d = across(x, last);
        }
        let down = (f32(y) + params.top - params.centre.y) * params.unit;
        let gain = gain_here + down * params.gains[2] + down * down * params.gains[3];
        let value = mix4(cubic(at - whole), a, b, c, d);
        // Light to the power 1/2.4 is what lies 0.055 below: the toe of encoded values grows as they do.
        let toe = 0.055 * (gain - 1.0) * min(25.0 * value, vec4<f32>(1.0));
        resampled[index(vec2<u32>(id.x, y), params.size.x)] = value * gain + toe;
    }
}

fn mix4(weights: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
    return weights.x * a + weights.y * b + weights.z * c + weights.w * d;
}
