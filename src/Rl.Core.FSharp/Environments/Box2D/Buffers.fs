/// Arrays of fixed length inside a value, so that copying a state copies them.
namespace Rl.Core.Environments.Box2D

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices

/// Room for as many elements as the name says, seen through `Buffer.span`.
[<Struct; InlineArray(2); NoEquality; NoComparison>]
type Buffer2<'Item when 'Item: unmanaged> =
    [<DefaultValue(false)>]
    val mutable private first: 'Item

[<Struct; InlineArray(3); NoEquality; NoComparison>]
type Buffer3<'Item when 'Item: unmanaged> =
    [<DefaultValue(false)>]
    val mutable private first: 'Item

[<Struct; InlineArray(11); NoEquality; NoComparison>]
type Buffer11<'Item when 'Item: unmanaged> =
    [<DefaultValue(false)>]
    val mutable private first: 'Item

[<Struct; InlineArray(16); NoEquality; NoComparison>]
type Buffer16<'Item when 'Item: unmanaged> =
    [<DefaultValue(false)>]
    val mutable private first: 'Item

[<Struct; InlineArray(4); NoEquality; NoComparison>]
type Buffer4<'Item when 'Item: unmanaged> =
    [<DefaultValue(false)>]
    val mutable private first: 'Item

[<Struct; InlineArray(5); NoEquality; NoComparison>]
type Buffer5<'Item when 'Item: unmanaged> =
    [<DefaultValue(false)>]
    val mutable private first: 'Item

[<Struct; InlineArray(32); NoEquality; NoComparison>]
type Buffer32<'Item when 'Item: unmanaged> =
    [<DefaultValue(false)>]
    val mutable private first: 'Item

[<Struct; InlineArray(64); NoEquality; NoComparison>]
type Buffer64<'Item when 'Item: unmanaged> =
    [<DefaultValue(false)>]
    val mutable private first: 'Item

[<Struct; InlineArray(200); NoEquality; NoComparison>]
type Buffer200<'Item when 'Item: unmanaged> =
    [<DefaultValue(false)>]
    val mutable private first: 'Item

/// Views of buffers.
[<RequireQualifiedAccess>]
module internal Buffer =

    /// The elements of a buffer, to be read and written. `'Item` must be the buffer's.
    let inline span<'Buffer, 'Item when 'Buffer: struct and 'Item: unmanaged> (buffer: byref<'Buffer>) : Span<'Item> =
        MemoryMarshal.CreateSpan(&Unsafe.As<'Buffer, 'Item>(&buffer), Unsafe.SizeOf<'Buffer>() / Unsafe.SizeOf<'Item>())

    /// The elements of a buffer, to be read.
    let inline view<'Buffer, 'Item when 'Buffer: struct and 'Item: unmanaged>
        (buffer: inref<'Buffer>)
        : ReadOnlySpan<'Item> =
        MemoryMarshal.CreateReadOnlySpan(
            &Unsafe.As<'Buffer, 'Item>(&Unsafe.AsRef<'Buffer>(&buffer)),
            Unsafe.SizeOf<'Buffer>() / Unsafe.SizeOf<'Item>()
        )

    /// How many elements a buffer holds.
    let inline length<'Buffer, 'Item> = Unsafe.SizeOf<'Buffer>() / Unsafe.SizeOf<'Item>()
