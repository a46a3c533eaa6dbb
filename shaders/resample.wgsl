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
    // Factors of 1, X, Y and X² + Y² by channel.
    gains: array<vec4<f32>, 4>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var photo: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> resampled: array<vec4<f32>>;

// Weights of four taps, the place `part` of a pixel behind the second.
fn cubic(part: f32, a: f32) -> vec4<f32> {
    let rest = 1.0 - part;
    return vec4<f32>(
        a * part * rest * rest,
        ((a + 2.0) * part - (a + 3.0)) * part * part + 1.0,
        ((a + 2.0) * rest - (a + 3.0)) * rest * rest + 1.0,
        a * rest * part * part,
    );
}

// Values of `params` for a column of the reference: read once, as devices may read them anew wherever they are named.
struct Column {
    // Numerators and denominator of the place in the photo, in which the reference's row is still to come.
    u: f32,
    v: f32,
    w: f32,
    // What the row adds to each.
    down: vec3<f32>,
    first: f32,
    sharpness: f32,
    // Last row and column of `photo`.
    last: vec2<i32>,
}

fn column_at(x: f32) -> Column {
    return Column(
        params.xx * x + params.x0,
        params.yx * x + params.y0,
        params.wx * x + 1.0,
        vec3<f32>(params.xy, params.yy, params.wy),
        params.first,
        params.sharpness,
        vec2<i32>(i32(textureDimensions(photo).x), i32(params.rows)) - 1,
    );
}

// Row `row` of `photo` where the column meets it.
fn across(column: Column, row: i32) -> vec4<f32> {
    let at = clamp(row, 0, column.last.y);
    let line = f32(at) + column.first;
    // Where on the reference's column the photo's row lies, and from there the photo's column.
    let y = (column.v - line * column.w) / (line * column.down.z - column.down.y);
    let u = (column.u + column.down.x * y) / (column.w + column.down.z * y);
    let inside = clamp(u, -2.0, f32(column.last.x) + 2.0);
    let whole = floor(inside);
    let x = clamp(vec4<i32>(i32(whole)) + vec4<i32>(-1, 0, 1, 2), vec4<i32>(0), vec4<i32>(column.last.x));
    return mix4(
        cubic(inside - whole, column.sharpness),
        textureLoad(photo, vec2<i32>(x.x, at), 0),
        textureLoad(photo, vec2<i32>(x.y, at), 0),
        textureLoad(photo, vec2<i32>(x.z, at), 0),
        textureLoad(photo, vec2<i32>(x.w, at), 0),
    );
}

// Rows of a column that an invocation makes. Their taps slide through its registers: nearly always one a row.
const ROWS: u32 = 16u;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = params.size;
    let top = id.y * ROWS;
    let end = min(top + ROWS, size.y);
    if id.x >= size.x || top >= size.y {
        return;
    }
    let x = f32(id.x);
    let column = column_at(x);
    let unit = params.unit;
    let bend = params.gains[3];
    let slope = params.gains[2];
    let from_centre = (x - params.centre.x) * unit;
    let flat = params.gains[0] + from_centre * params.gains[1] + from_centre * from_centre * bend;
    let above = params.top;
    let middle = params.centre.y;
    var a: vec4<f32>;
    var b: vec4<f32>;
    var c: vec4<f32>;
    var d: vec4<f32>;
    // Row of `photo` that `d` is of.
    var last = -1000000;
    for (var y = top; y < end; y++) {
        let row = f32(y) + above;
        let v = (column.v + column.down.y * row) / (column.w + column.down.z * row);
        // As far outside as taps reach.
        let at = clamp(v - column.first, -2.0, f32(column.last.y) + 2.0);
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
            d = across(column, last);
        }
        let down = (row - middle) * unit;
        let gain = flat + down * slope + down * down * bend;
        let value = mix4(cubic(at - whole, column.sharpness), a, b, c, d);
        // Light to the power 1/2.4 is what lies 0.055 below: the toe of encoded values grows as they do.
        let toe = 0.055 * (gain - 1.0) * min(25.0 * value, vec4<f32>(1.0));
        resampled[index(vec2<u32>(id.x, y), size.x)] = value * gain + toe;
    }
}

fn mix4(weights: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
    return weights.x * a + weights.y * b + weights.z * c + weights.w * d;
}
