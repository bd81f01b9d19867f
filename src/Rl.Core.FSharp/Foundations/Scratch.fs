/// Short-lived memory.
namespace Rl.Core.Foundations

#nowarn "9" // memory on the stack

open System
open Microsoft.FSharp.NativeInterop

/// Memory on the caller's stack.
[<RequireQualifiedAccess>]
module internal Scratch =

    /// Zeros, which live until the calling function returns; not to be called in a loop.
    let inline span<'T when 'T: unmanaged> (count: int) =
        let memory = NativePtr.stackalloc<'T> count
        Span<'T>(NativePtr.toVoidPtr memory, count)
