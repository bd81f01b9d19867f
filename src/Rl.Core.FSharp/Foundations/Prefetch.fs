/// Memory that is asked for before it is read.
namespace Rl.Core.Foundations

#nowarn "9" // the address of a span

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Runtime.Intrinsics.X86

/// Hints to the processor, which change nothing but the time.
[<RequireQualifiedAccess>]
module internal Prefetch =

    [<Literal>]
    let private Line = 64

    /// Asks for all cache lines of some bytes. The bytes may be moved meanwhile: then others are asked for in vain.
    let bytes (source: ReadOnlySpan<byte>) : unit =
        if Sse.IsSupported && source.Length > 0 then
            let mutable offset = 0

            // From the first byte in steps of a line, and the last byte, whose line may be one further.
            while offset < source.Length do
                Sse.Prefetch0(Unsafe.AsPointer(&Unsafe.Add(&MemoryMarshal.GetReference source, offset)))
                offset <- offset + Line

            Sse.Prefetch0(Unsafe.AsPointer(&Unsafe.Add(&MemoryMarshal.GetReference source, source.Length - 1)))
