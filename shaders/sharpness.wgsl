// Laplacian moments per cell from packed luma: twin of src/cpu/sharpness.rs.
//
// One invocation marches down a column of texels, four pixels each, with the last seven rows in registers: no
// barriers, no shared memory. Integer filters, so the Laplacian is exact. Luma beyond the picture is replicated;
// the last texel of a row is padded with the last pixel by the upload.

struct Params {
    // Pixels of the whole picture.
    size: vec2<u32>,
    // Picture row of the texture's first row.
    origin: u32,
    // Picture rows of this band: [begin, end).
    begin: u32,
    end: u32,
    // Rows an invocation marches over, a multiple of 4.
    strip: u32,
    full_scale: f32,
    // Scale of the Laplacian: 1 / (full scale × 256).
    unit: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var luma: texture_2d<u32>;
// x: mean Laplacian, y: mean squared Laplacian, z: mean luma.
@group(0) @binding(2) var<storage, read_write> moments: array<vec4<f32>>;

struct Row {
    soft: vec4<i32>,
    bent: vec4<i32>,
    luma: vec4<i32>,
}

// Binomial and its Laplacian across, at the four pixels of a texel.
fn across(column: i32, y: i32) -> Row {
    let row = clamp(y, 0, i32(params.size.y) - 1) - i32(params.origin);
    let last = i32(textureDimensions(luma).x) - 1;
    let b = vec4<i32>(textureLoad(luma, vec2<i32>(column, row), 0));
    let left = vec4<i32>(textureLoad(luma, vec2<i32>(max(column - 1, 0), row), 0));
    let right = vec4<i32>(textureLoad(luma, vec2<i32>(min(column + 1, last), row), 0));
    // No branch: all invocations of a group would walk both ways.
    let a = select(left, b.xxxx, column == 0);
    let c = select(right, b.wwww, column == last);
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

// 256 times the Laplacian of the binomially smoothed luma in the row of `d`.
fn laplacian(a: Row, b: Row, c: Row, d: Row, e: Row, f: Row, g: Row) -> vec4<i32> {
    let down = a.soft + g.soft + 2 * (b.soft + f.soft) - (c.soft + e.soft) - 4 * d.soft;
    return down + b.bent + f.bent + 4 * (c.bent + e.bent) + 6 * d.bent;
}

// An entry point for every side of a cell: with it known, the stores of the other sides are gone, and stores are what a
// branch does not save where all invocations of a group walk both ways.
@compute @workgroup_size(TILE_X, TILE_Y)
fn cell1(@builtin(global_invocation_id) id: vec3<u32>) {
    march(id, 1u);
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn cell2(@builtin(global_invocation_id) id: vec3<u32>) {
    march(id, 2u);
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn cell4(@builtin(global_invocation_id) id: vec3<u32>) {
    march(id, 4u);
}

fn march(id: vec3<u32>, cell: u32) {
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
    // Four rows a turn: sliding them all through registers a row at a time costs more than the filter itself.
    for (var y = top; y < bottom; y += 4u) {
        let r6 = across(column, i32(y) + 3);
        let r7 = across(column, i32(y) + 4);
        let r8 = across(column, i32(y) + 5);
        let r9 = across(column, i32(y) + 6);
        let rows = min(bottom - y, 4u);
        let l0 = laplacian(r0, r1, r2, r3, r4, r5, r6) * inside;
        let l1 = laplacian(r1, r2, r3, r4, r5, r6, r7) * inside * i32(rows > 1u);
        let l2 = laplacian(r2, r3, r4, r5, r6, r7, r8) * inside * i32(rows > 2u);
        let l3 = laplacian(r3, r4, r5, r6, r7, r8, r9) * inside * i32(rows > 3u);
        let e0 = vec4<f32>(l0) * vec4<f32>(l0);
        let e1 = vec4<f32>(l1) * vec4<f32>(l1);
        let e2 = vec4<f32>(l2) * vec4<f32>(l2);
        let e3 = vec4<f32>(l3) * vec4<f32>(l3);
        let y0 = r3.luma * inside;
        let y1 = r4.luma * inside * i32(rows > 1u);
        let y2 = r5.luma * inside * i32(rows > 2u);
        let y3 = r6.luma * inside * i32(rows > 3u);
        if cell == 4u {
            store(cell, id.x, y / 4u, rows, l0 + l1 + l2 + l3, e0 + e1 + e2 + e3, y0 + y1 + y2 + y3, insidef);
        } else if cell == 2u {
            store(cell, id.x, y / 2u, min(rows, 2u), l0 + l1, e0 + e1, y0 + y1, insidef);
            store(cell, id.x, y / 2u + 1u, max(rows, 2u) - 2u, l2 + l3, e2 + e3, y2 + y3, insidef);
        } else {
            store(cell, id.x, y, 1u, l0, e0, y0, insidef);
            store(cell, id.x, y + 1u, u32(rows > 1u), l1, e1, y1, insidef);
            store(cell, id.x, y + 2u, u32(rows > 2u), l2, e2, y2, insidef);
            store(cell, id.x, y + 3u, u32(rows > 3u), l3, e3, y3, insidef);
        }
        r0 = r4;
        r1 = r5;
        r2 = r6;
        r3 = r7;
        r4 = r8;
        r5 = r9;
    }
}

fn store(cell: u32, column: u32, cell_row: u32, rows: u32, l: vec4<i32>, e: vec4<f32>, y: vec4<i32>, inside: vec4<f32>) {
    if cell == 4u {
        let n = (inside.x + inside.y + inside.z + inside.w) * f32(rows);
        put(cell, column, cell_row, n, l.x + l.y + l.z + l.w, e.x + e.y + e.z + e.w, y.x + y.y + y.z + y.w);
    } else if cell == 2u {
        put(cell, column * 2u, cell_row, (inside.x + inside.y) * f32(rows), l.x + l.y, e.x + e.y, y.x + y.y);
        put(cell, column * 2u + 1u, cell_row, (inside.z + inside.w) * f32(rows), l.z + l.w, e.z + e.w, y.z + y.w);
    } else {
        put(cell, column * 4u, cell_row, inside.x * f32(rows), l.x, e.x, y.x);
        put(cell, column * 4u + 1u, cell_row, inside.y * f32(rows), l.y, e.y, y.y);
        put(cell, column * 4u + 2u, cell_row, inside.z * f32(rows), l.z, e.z, y.z);
        put(cell, column * 4u + 3u, cell_row, inside.w * f32(rows), l.w, e.w, y.w);
    }
}

fn put(cell: u32, x: u32, y: u32, pixels: f32, laplacian: i32, energy: f32, brightness: i32) {
    if pixels == 0.0 {
        return;
    }
    let per_pixel = 1.0 / pixels;
    moments[index(vec2<u32>(x, y), (params.size.x + cell - 1u) / cell)] = vec4<f32>(
        f32(laplacian) * params.unit * per_pixel,
        energy * params.unit * params.unit * per_pixel,
        f32(brightness) / params.full_scale * per_pixel,
        0.0,
    );
}
