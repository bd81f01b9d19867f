/// Memory that is read in no order, on pages of two megabytes where the system has them.
namespace Rl.Core.Foundations

#nowarn "9" // the address of an array

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices

module private LargePagesCalls =

    /// Linux: what is planned with some memory. 0 if it was heard.
    [<DllImport("libc", EntryPoint = "madvise")>]
    extern int madvise(nativeint address, unativeint length, int advice)

/// A hint to the system, which changes nothing but the time: each page that is touched needs its address looked up,
/// and a processor remembers about 2,000 of them. 100 MB are 25,000 pages of 4 kB and 50 of 2 MB.
[<RequireQualifiedAccess>]
module internal LargePages =

    /// The bytes of a large page.
    [<Literal>]
    let Size = 2_097_152

    [<Literal>]
    let private HugePages = 14 // MADV_HUGEPAGE

    let mutable private isThere = OperatingSystem.IsLinux()

    /// Asks for large pages under an array that was just made and not written yet; whatever comes of it, the array is
    /// the same. Nothing is done where no whole page would fit, and on systems other than Linux.
    let advise (data: 'T[]) : unit =
        let bytes = data.LongLength * int64 sizeof<'T>

        if isThere && bytes >= 2L * int64 Size then
            try
                // The array does not move meanwhile.
                let pin = GCHandle.Alloc(data, GCHandleType.Pinned)

                try
                    let start = pin.AddrOfPinnedObject()
                    let first = (start + nativeint Size - 1n) &&& ~~~(nativeint Size - 1n)
                    let last = (start + nativeint bytes) &&& ~~~(nativeint Size - 1n)
                    LargePagesCalls.madvise (first, unativeint (last - first), HugePages) |> ignore
                finally
                    pin.Free()
            with
            | :? DllNotFoundException
            | :? EntryPointNotFoundException -> isThere <- false
