// Laplacian moments per cell from packed luma: twin of src/cpu/sharpness.rs.
//
// One invocation marches down a column of texels, four pixels each, with the last seven rows in registers: no
// barriers, no shared memory. Integer filters, so the Laplacian is exact. Luma beyond the picture is replicated;
// the last texel of a row is padded with the last pixel by the upload.

struct Params {
    // Pixels of the whole picture.
    size: vec2<u32>,
    // Side of a cell in pixels: 1, 2 or 4.
    cell: u32,
    // Picture row of the texture's first row.
    origin: u32,
    // Picture rows of this band: [begin, end).
    begin: u32,
    end: u32,
    // Rows an invocation marches over, a multiple of `cell`.
    strip: u32,
    full_scale: f32,
    // Scale of the Laplacian: 1 / (full scale × 256).
    unit: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var luma: texture_2d<u32>;
// x: mean Laplacian, y: mean squared Laplacian, z: mean luma.
@group(0) @binding(2) var moments: texture_storage_2d<rgba32float, write>;

struct Row {
    soft: vec4<i32>,
    bent: vec4<i32>,
    luma: vec4<i32>,
}

fn load(column: i32, row: u32) -> vec4<i32> {
    let last = i32(textureDimensions(luma).x) - 1;
    let texel = vec4<i32>(textureLoad(luma, vec2<i32>(clamp(column, 0, last), i32(row)), 0));
    if column < 0 {
        return texel.xxxx;
    }
    if column > last {
        return texel.wwww;
    }
    return texel;
}

// Binomial and its Laplacian across, at the four pixels of a texel.
fn across(column: i32, y: i32) -> Row {
    let row = u32(clamp(y, 0, i32(params.size.y) - 1)) - params.origin;
    let a = load(column - 1, row);
    let b = load(column, row);
    let c = load(column + 1, row);
    let m3 = vec4<i32>(a.yzw, b.x);
    let m2 = vec4<i32>(a.zw, b.xy);
    let m1 = vec4<i32>(a.w, b.xyz);
    let p1 = vec4<i32>(b.yzw, c.x);
    let p2 = vec4<i32>(b.zw, c.xy);
    let p3 = vec4<i32>(b.w, c.xyz);
    let soft = m2 + p2 + 4 * (m1 + p1) + 6 * b;
    let bent = m3 + p3 + 2 * (m2 + p2) - (m1 + p1) - 4 * b;
    return Row(soft, bent, b);
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let texels = (params.size.x + 3u) / 4u;
    let top = params.begin + id.y * params.strip;
    if id.x >= texels || top >= params.end {
        return;
    }
    let bottom = min(top + params.strip, params.end);
    let column = i32(id.x);
    let pixels = id.x * 4u + vec4<u32>(0u, 1u, 2u, 3u);
    let inside = select(vec4<i32>(0), vec4<i32>(1), pixels < vec4<u32>(params.size.x));
    let insidef = vec4<f32>(inside);

    var r0 = across(column, i32(top) - 3);
    var r1 = across(column, i32(top) - 2);
    var r2 = across(column, i32(top) - 1);
    var r3 = across(column, i32(top));
    var r4 = across(column, i32(top) + 1);
    var r5 = across(column, i32(top) + 2);
    var laplacian = vec4<i32>(0);
    var energy = vec4<f32>(0.0);
    var brightness = vec4<i32>(0);
    var rows = 0u;
    for (var y = top; y < bottom; y++) {
        let r6 = across(column, i32(y) + 3);
        let down = r0.soft + r6.soft + 2 * (r1.soft + r5.soft) - (r2.soft + r4.soft) - 4 * r3.soft;
        let value = (down + r1.bent + r5.bent + 4 * (r2.bent + r4.bent) + 6 * r3.bent) * inside;
        laplacian += value;
        energy += vec4<f32>(value) * vec4<f32>(value);
        brightness += r3.luma * inside;
        rows += 1u;
        if rows == params.cell || y + 1u == params.size.y {
            store(id.x, y / params.cell, rows, laplacian, energy, brightness, insidef);
            laplacian = vec4<i32>(0);
            energy = vec4<f32>(0.0);
            brightness = vec4<i32>(0);
            rows = 0u;
        }
        r0 = r1;
        r1 = r2;
        r2 = r3;
        r3 = r4;
        r4 = r5;
        r5 = r6;
    }
}

fn store(column: u32, cell_row: u32, rows: u32, l: vec4<i32>, e: vec4<f32>, y: vec4<i32>, inside: vec4<f32>) {
    if params.cell == 4u {
        let n = (inside.x + inside.y + inside.z + inside.w) * f32(rows);
        put(column, cell_row, n, l.x + l.y + l.z + l.w, e.x + e.y + e.z + e.w, y.x + y.y + y.z + y.w);
    } else if params.cell == 2u {
        put(column * 2u, cell_row, (inside.x + inside.y) * f32(rows), l.x + l.y, e.x + e.y, y.x + y.y);
        put(column * 2u + 1u, cell_row, (inside.z + inside.w) * f32(rows), l.z + l.w, e.z + e.w, y.z + y.w);
    } else {
        put(column * 4u, cell_row, inside.x, l.x, e.x, y.x);
        put(column * 4u + 1u, cell_row, inside.y, l.y, e.y, y.y);
        put(column * 4u + 2u, cell_row, inside.z, l.z, e.z, y.z);
        put(column * 4u + 3u, cell_row, inside.w, l.w, e.w, y.w);
    }
}

fn put(x: u32, y: u32, pixels: f32, laplacian: i32, energy: f32, brightness: i32) {
    if pixels == 0.0 {
        return;
    }
    let per_pixel = 1.0 / pixels;
    let value = vec4<f32>(
        f32(laplacian) * params.unit * per_pixel,
        energy * params.unit * params.unit * per_pixel,
        f32(brightness) / params.full_scale * per_pixel,
        0.0,
    );
    textureStore(moments, vec2<u32>(x, y), value);
}
